/** How long replicas may take to hand over leadership and flush before the application ends without them. */
export const QUIT_MS_MAX = 10_000

/**
 * Lets `close` finish, but not for ever.
 *
 * @returns whether it finished in time without an error; the error is handed to `onError`.
 */
export async function closeWithin(
  close: () => Promise<void>,
  { timeoutMs, onError }: { readonly timeoutMs: number; readonly onError: (error: unknown) => void },
): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(() => {
    resolve(false)
  }, timeoutMs)
  try {
    return await Promise.race([close().then(() => true), late])
  } catch (error) {
    onError(error)
    return false
  } finally {
    clearTimeout(timer)
  }
}
