/** Time for people. */

/** Seconds since the beginning: `12.345 s`, `1:02.345`. */
export const secondsText = (seconds: number): string => {
  const minutes = Math.floor(seconds / 60)
  const rest = (seconds - minutes * 60).toFixed(3)
  return minutes === 0 ? `${rest} s` : `${minutes}:${rest.padStart(6, '0')}`
}
