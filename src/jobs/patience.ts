/** Waiting, but not for ever: a shutdown must come to an end whatever the database or user code does. */

/** @returns whether it came to an end in time. What it ends in is not told here; a failure after that is ignored. */
export async function withTimeout(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
