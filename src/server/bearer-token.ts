import { createHash, timingSafeEqual } from 'node:crypto'
import { StreamsError } from '../core/errors.ts'

const LENGTH_MIN = 16

/** Throws `INVALID_CONFIG` for what no header can carry, or anybody could guess. */
export function checkToken(token: string): void {
  if (token.length >= LENGTH_MIN && /^[\x21-\x7e]+$/.test(token)) return
  throw new StreamsError('INVALID_CONFIG', {
    message: `the token for HTTP is shorter than ${LENGTH_MIN} characters, or has some that no header carries`,
    hint: 'Take a long random one, from `openssl rand -hex 32` for example, the same for every instance.',
  })
}

export const bearer = (token: string): string => `Bearer ${token}`

/** Whether a request's `authorization` is this token; how long that takes tells nothing of it. */
export const isBearer = (authorization: string | undefined, token: string): boolean =>
  authorization !== undefined && timingSafeEqual(digest(authorization), digest(bearer(token)))

/** Of one length, whatever is compared. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
