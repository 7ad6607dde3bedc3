/** Lets the event loop serve sockets and timers once. It says nothing about time. */
export const yieldToEventLoop = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })
