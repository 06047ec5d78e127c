import { formatType } from "./dtype.ts";
import { ancestors, type Value } from "./value.ts";

/** One line per value, inputs first: `%7 float32[2,3] = matmul(%1, %4) {"transB":true}  # layers.0.mlp`. */
export function printGraph(outputs: Readonly<Record<string, Value>>): string {
  const values = ancestors(Object.values(outputs));
  const index = new Map(values.map((value, i) => [value.id, `%${i}`]));
  const lines = values.map((value) => {
    const { origin } = value;
    const scope = value.scope === "" ? "" : `  # ${value.scope}`;
    const head = `${index.get(value.id)} ${formatType(value)} =`;
    if (origin.kind === "input") return `${head} input ${origin.name}${scope}`;
    if (origin.kind === "constant") {
      const shown = Array.from(origin.data.slice(0, 4) as Float32Array, String).join(", ");
      return `${head} constant [${shown}${origin.data.length > 4 ? ", …" : ""}]${scope}`;
    }
    const args = value.inputs.map((x) => index.get(x.id)).join(", ");
    const attributes = JSON.stringify(origin.attributes);
    return `${head} ${origin.op.name}(${args})${attributes === "{}" ? "" : ` ${attributes}`}${scope}`;
  });
  for (const [name, value] of Object.entries(outputs)) lines.push(`return ${name} = ${index.get(value.id)}`);
  return lines.join("\n");
}
