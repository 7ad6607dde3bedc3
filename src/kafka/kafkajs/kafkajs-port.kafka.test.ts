import { inject } from 'vitest'
import { portContract } from '../port.contract.ts'
import { realCluster } from './real-cluster.fixture.ts'

portContract('a real cluster over kafkajs', () => realCluster(inject('kafkaBrokers')))
