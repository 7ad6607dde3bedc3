import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

/** A change of our own code as it is loaded, in this thread or process only. */
export interface Transform {
  /** From `src` on. */
  readonly file: string
  /** Stands there exactly once, or the change is refused. */
  readonly find: string
  readonly replace: string
}

const root = new URL('../../', import.meta.url).href

/**
 * To be called before what it changes is imported. What it returns is to be called after that: it
 * fails where something was not changed.
 */
export function plant(transforms: readonly Transform[]): () => void {
  const left = new Set(transforms)
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      const wanted = transforms.filter(({ file }) => url === root + file)
      if (wanted.length === 0) return loaded
      for (const each of wanted) left.delete(each)
      const source = Buffer.from(loaded.source as Uint8Array).toString()
      return { ...loaded, source: wanted.reduce(changed, source) }
    },
  })
  return () => {
    for (const { file } of left) throw new Error(`${file} is not loaded, so nothing changes it`)
  }
}

/** Fails where the code is another one by now: then the change has to follow it. */
export function changed(source: string, { file, find, replace }: Transform): string {
  const parts = source.split(find)
  if (parts.length !== 2) {
    throw new Error(`${file} has ${parts.length - 1} times: ${find}`)
  }
  return parts.join(replace)
}

export const pathOf = ({ file }: Transform): string => fileURLToPath(root + file)
