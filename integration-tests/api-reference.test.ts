/** `npm run docs`: it fails where what is exported is not explained, or a link is dead. */
import { existsSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import * as millrace from 'millrace'
import * as testing from 'millrace/testing'
import { repository, start } from './support/millrace-command.ts'

const pages = join(repository, 'docs/api')
const env = { PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) }

test('every name that is exported has a page', async () => {
  rmSync(pages, { recursive: true, force: true })
  const { code, stdout, stderr } = await start('npm', ['run', 'docs'], { env }).finished
  expect(code, `${stdout}${stderr}`).toBe(0)
  const names = [
    ...Object.keys(millrace).map((name) => `index.${name}`),
    ...Object.keys(testing).map((name) => `testing.${name}`),
  ]
  const kinds = ['classes', 'functions', 'variables']
  const hasPage = (name: string): boolean =>
    kinds.some((kind) => existsSync(join(pages, kind, `${name}.html`)))
  expect(names.filter((name) => !hasPage(name))).toEqual([])
  expect(existsSync(join(pages, 'interfaces/index.StartOptions.html'))).toBe(true)
})
