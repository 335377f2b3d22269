/** Text inside XML. */

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Escapes what may not stand in text or in a quoted attribute. */
export const escapeXml = (text: string): string => text.replaceAll(/[&<>"]/g, (each) => entities[each] ?? each)
