/** Takes saved states apart and puts them together again by the documented layout, with none of the library's code. */

/** CRC-32 as zlib and PNG have it, a bit at a time. */
function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** { header, payload } of saved bytes, layout 3. */
export function openSaved(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  return { header: JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + size))), payload: bytes.slice(12 + size, -4) };
}

/** The bytes of { header, payload }; `header` may be text. */
export function closeSaved({ header, payload }, version = 3) {
  let text = typeof header === 'string' ? header : JSON.stringify(header);
  while ((12 + new TextEncoder().encode(text).length) % 8 !== 0) text += ' ';
  const encoded = new TextEncoder().encode(text);
  const bytes = new Uint8Array(12 + encoded.length + payload.length + 4);
  bytes.set(new TextEncoder().encode('LASTATE'));
  bytes[7] = version;
  new DataView(bytes.buffer).setUint32(8, encoded.length, true);
  bytes.set(encoded, 12);
  bytes.set(payload, 12 + encoded.length);
  return reseal(bytes);
}

/** Writes the checksum that these bytes should have, both layouts alike; returns them. */
export function reseal(bytes) {
  if (bytes.length >= 4) new DataView(bytes.buffer, bytes.byteOffset).setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

/** A copy of saved bytes with the header as `change` leaves it (or returns it), and the payload or what `change` returns as such. */
export function forge(bytes, change) {
  const file = openSaved(bytes);
  change(file);
  return closeSaved(file);
}

/** The elements of a section. */
export function sectionOf({ header, payload }, wanted) {
  const { dtype, offset, bytes } = header.sections.find(({ name }) => name === wanted);
  const kind = { F32: Float32Array, F64: Float64Array }[dtype];
  return new kind(payload.buffer, offset, bytes / kind.BYTES_PER_ELEMENT);
}
