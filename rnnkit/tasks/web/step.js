// A network for one step of a sequence: the state goes in and comes back.

const ARRAYS = { float32: Float32Array, int32: Int32Array, int8: Int8Array };
const size = (shape) => shape.reduce((product, each) => product * each, 1);

class Stepper {
  constructor() {
    this.reset();
  }

  /** Begins a new sequence: all states are zero. */
  reset() {
    this.before = Object.entries(MODEL.states).map(([name, [type, shape]]) => [name, [type, [1, ...shape], new ARRAYS[type](size(shape))]]);
    this.after = this.before;
  }

  /** The scores of a step with inputs {name: array}, from the state before it; `next` makes its own the state. */
  async scores(given) {
    const inputs = Object.entries(MODEL.inputs).map(([name, [type, shape]]) => [name, [type, [1, ...shape], ARRAYS[type].from(given[name])]]);
    const found = await run(Object.fromEntries([...inputs, ...this.before]));
    this.after = this.before.map(([name, [type, shape]]) => [name, [type, shape, found[`new_${name}`].data]]);
    return found.scores.data;
  }

  next() {
    this.before = this.after;
  }
}
