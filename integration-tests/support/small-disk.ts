import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Root may, on Linux. */
export function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    new SmallDisk('size=4k')[Symbol.dispose]()
    return true
  } catch {
    return false
  }
}

/** A file system in memory, with the options of `mount -t tmpfs`. */
export class SmallDisk implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'millrace-disk-'))

  constructor(options: string) {
    const mount = ['-t', 'tmpfs', '-o', options, 'tmpfs', this.path]
    try {
      execFileSync('mount', mount, { stdio: 'ignore' })
    } catch (error) {
      rmSync(this.path, { recursive: true })
      throw error
    }
  }

  [Symbol.dispose](): void {
    execFileSync('umount', [this.path], { stdio: 'ignore' })
    rmSync(this.path, { recursive: true })
  }
}
