/** The little of ONNX's file format (a protobuf) that the race needs: one graph of named operators. */
const VARINT = 0;
const BYTES = 2;
const FIXED32 = 5;
const FLOAT = 1;
const INT64 = 7;
const attributeType = { float: 1, int: 2, string: 3, ints: 7 };
const utf8 = new TextEncoder();

/** One protobuf message: fields in the order in which they are added. */
class Message {
  bytes = [];

  #varint(value) {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 127n; rest >>= 7n) this.bytes.push(Number(rest & 127n) | 128);
    this.bytes.push(Number(rest));
  }

  #tag(field, type) {
    this.#varint((field << 3) | type);
  }

  int(field, value) {
    this.#tag(field, VARINT);
    this.#varint(value);
    return this;
  }

  float(field, value) {
    this.#tag(field, FIXED32);
    this.bytes.push(...new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  /** A string, a typed array or another message. */
  add(field, value) {
    const raw = typeof value === 'string' ? utf8.encode(value) : (value.bytes ?? new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    this.#tag(field, BYTES);
    this.#varint(raw.length);
    for (const byte of raw) this.bytes.push(byte);
    return this;
  }
}

function valueInfo(name, dims) {
  const shape = new Message();
  for (const dim of dims) shape.add(1, new Message().int(1, dim));
  return new Message().add(1, name).add(2, new Message().add(1, new Message().int(1, FLOAT).add(2, shape)));
}

/** Whole numbers are ints, except where { float } says otherwise. */
function attribute(name, value) {
  const message = new Message().add(1, name);
  if (typeof value === 'string') return message.add(4, value).int(20, attributeType.string);
  if (Array.isArray(value)) return value.reduce((m, x) => m.int(8, x), message).int(20, attributeType.ints);
  if (typeof value === 'object') return message.float(2, value.float).int(20, attributeType.float);
  return message.int(3, value).int(20, attributeType.int);
}

/** Operators are added in order; each method returns the name of what it made. */
export class Graph {
  #nodes = [];
  #constants = [];
  #inputs = [];
  #outputs = [];
  #opset;
  #count = 0;

  constructor({ opset = 17 } = {}) {
    this.#opset = opset;
  }

  #name() {
    return `x${this.#count++}`;
  }

  input(name, dims) {
    this.#inputs.push(valueInfo(name, dims));
    return name;
  }

  output(name, dims) {
    this.#outputs.push(valueInfo(name, dims));
  }

  #constant(type, dims, data) {
    const name = this.#name();
    this.#constants.push(dims.reduce((m, dim) => m.int(1, dim), new Message()).int(2, type).add(8, name).add(9, data));
    return name;
  }

  floats(dims, data) {
    return this.#constant(FLOAT, dims, Float32Array.from(data));
  }

  ints(data, dims = [data.length]) {
    return this.#constant(INT64, dims, BigInt64Array.from(data.map(BigInt)));
  }

  /** Names of all outputs; '' in `inputs` leaves one out. */
  outputsOf(type, inputs, attributes = {}, outputs = [this.#name()], domain = '') {
    const node = new Message();
    for (const name of inputs) node.add(1, name);
    for (const name of outputs) node.add(2, name);
    node.add(3, `${this.#name()}_${type}`).add(4, type);
    for (const [name, value] of Object.entries(attributes)) node.add(5, attribute(name, value));
    if (domain) node.add(7, domain);
    this.#nodes.push(node);
    return outputs;
  }

  op(type, inputs, attributes, output = this.#name()) {
    return this.outputsOf(type, inputs, attributes, [output])[0];
  }

  /** An operator of ONNX Runtime's own. */
  contrib(type, inputs, attributes, output = this.#name()) {
    return this.outputsOf(type, inputs, attributes, [output], 'com.microsoft')[0];
  }

  encode() {
    const graph = new Message();
    for (const node of this.#nodes) graph.add(1, node);
    graph.add(2, 'attention');
    for (const constant of this.#constants) graph.add(5, constant);
    for (const input of this.#inputs) graph.add(11, input);
    for (const output of this.#outputs) graph.add(12, output);
    const version = (domain, opset) => new Message().add(1, domain).int(2, opset);
    const irVersion = this.#opset > 20 ? 11 : 8;
    return Uint8Array.from(new Message().int(1, irVersion).add(7, graph).add(8, version('', this.#opset)).add(8, version('com.microsoft', 1)).bytes);
  }
}
