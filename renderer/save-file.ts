/** Gives a person a file to keep, under that name; the browser, or the desktop, says where it goes. */
export function saveFile(name: string, content: string, type: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  // The download has its own hold on the bytes once it began, which it does in this turn or the next.
  window.setTimeout(() => URL.revokeObjectURL(address), 1000)
}
