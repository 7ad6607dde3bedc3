const PROBE_MS_MAX = 2_000

/** Whether a registry answers there, soon. */
export async function isServingRegistry(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(PROBE_MS_MAX) })
    await answer.text()
    return answer.ok
  } catch {
    return false
  }
}
