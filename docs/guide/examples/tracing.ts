import { trace } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base'

// One trace in ten, unless who sent the record has decided already.
const sdk = new BasicTracerProvider({
  sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0.1) }),
  spanProcessors: [new BatchSpanProcessor(new ConsoleSpanExporter())],
})
trace.setGlobalTracerProvider(sdk)

// Is shut down when the thread ends, so that its last spans are exported.
export default sdk
