import type { WorkRate } from '../../core/recent-work.ts'
import type { ThreadSnapshot } from '../../runtime/thread/thread-snapshot.ts'
import type { Metric, Sample } from '../../server/prometheus.ts'
import { COORDINATOR, gauge, labelOf, LATELY, ofEach, perThread, THREAD, total } from './words.ts'

const taskStates = ['opening', 'restoring', 'running', 'standby']

/** What threads do, and how much of their time it takes. */
export const ofThreads = (threads: readonly ThreadSnapshot[]): readonly Metric[] => [
  total(threads, `${THREAD}_process_total`, 'Records taken from source topics', 'processed'),
  ...ofWork(threads, 'process', 'a record or timer', ({ processing }) => processing),
  total(threads, `${THREAD}_commit_total`, 'Commits', 'commits'),
  ...ofWork(threads, 'commit', 'a commit', ({ committing }) => committing),
  total(threads, `${THREAD}_punctuate_total`, 'Scheduled callbacks called', 'punctuations'),
  ...ofWork(threads, 'punctuate', "a task's callbacks", ({ punctuating }) => punctuating),
  total(threads, `${THREAD}_poll_total`, 'Turns of the loop that looked for records', 'polls'),
  ...ofWork(threads, 'poll', 'a wait for something to do', ({ idling }) => idling),
  total(threads, `${THREAD}_task_created_total`, 'Tasks that were opened', 'tasksCreated'),
  total(threads, `${THREAD}_task_closed_total`, 'Tasks that were closed', 'tasksClosed'),
  total(
    threads,
    `${COORDINATOR}_rebalance_total`,
    'Assignments that the group gave to the thread',
    'rebalances',
  ),
  total(threads, 'millrace_migrations_total', 'Times work was abandoned and resumed', 'migrations'),
  gauge('millrace_tasks', 'Tasks of the thread, by their state', tasksOf(threads)),
  gauge(
    'millrace_thread_since_turn_ms',
    'How long ago the loop of the thread began a turn',
    ofEach(threads, ({ sinceTurnMs }) => sinceTurnMs),
  ),
  gauge(
    'millrace_send_buffer_bytes',
    'Bytes that are sent and not acknowledged yet',
    ofEach(threads, ({ sendBufferBytes }) => sendBufferBytes),
  ),
  gauge(
    'millrace_thread_heap_bytes',
    "Bytes in use on the thread's heap",
    perThread(threads, ({ heapBytes }) => (heapBytes === undefined ? [] : [[{}, heapBytes]])),
  ),
]

function ofWork(
  threads: readonly ThreadSnapshot[],
  word: string,
  one: string,
  rateOf: (thread: ThreadSnapshot) => WorkRate,
): readonly Metric[] {
  const each = (value: (work: WorkRate) => number): readonly Sample[] =>
    ofEach(threads, (thread) => value(rateOf(thread)))
  return [
    gauge(
      `${THREAD}_${word}_rate`,
      `How often there was ${one}, a second, ${LATELY}`,
      each(({ rate }) => rate),
    ),
    gauge(
      `${THREAD}_${word}_latency_avg`,
      `Milliseconds for ${one}, ${LATELY}`,
      each(({ averageMs }) => averageMs),
    ),
    gauge(
      `${THREAD}_${word}_latency_max`,
      `Milliseconds for ${one} at most, ${LATELY}`,
      each(({ maxMs }) => maxMs),
    ),
    gauge(
      `${THREAD}_${word}_ratio`,
      `Part of the time for ${one}, ${LATELY}`,
      each(({ ratio }) => ratio),
    ),
  ]
}

function tasksOf(threads: readonly ThreadSnapshot[]): readonly Sample[] {
  return threads.flatMap((thread) =>
    taskStates.map((state): Sample => {
      const ofState = thread.tasks.filter((task) => task.state === state)
      const count = state === 'standby' ? thread.standbys.length : ofState.length
      return [{ ...labelOf(thread), state }, count]
    }),
  )
}
