import { HeartcutError } from "../errors.ts";

const CONVERT =
  "convert it once, in Python, where you trust its source: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER); heartcut itself never loads such files";

/** First bytes of files that are taken for weights, what they are, and what to do. Pickle protocols 2-5 begin with 0x80. */
const KINDS: { magic: (start: Buffer) => boolean; what: string; fix: string }[] = [
  { magic: (s) => s.length === 0, what: "the file is empty", fix: "fetch the file again" },
  {
    magic: (s) => begins(s, "version https://git-lfs"),
    what: "this is a Git LFS pointer, not the weights",
    fix: "run `git lfs pull` in the repository the file comes from",
  },
  {
    magic: (s) => begins(s, "PK\x03\x04"),
    what: "this is a zip archive, as torch.save writes it (pickle inside)",
    fix: CONVERT,
  },
  { magic: (s) => s[0] === 0x80 && s[1]! >= 2 && s[1]! <= 5, what: "this is a Python pickle", fix: CONVERT },
  {
    magic: (s) => begins(s, "GGUF"),
    what: "this is a GGUF file",
    fix: "use the safetensors files of the same model; GGUF weights are usually quantized",
  },
  { magic: (s) => begins(s, "\x89HDF\r\n\x1a\n"), what: "this is an HDF5 file (Keras, TensorFlow)", fix: CONVERT },
  {
    magic: (s) => begins(s, "\x93NUMPY"),
    what: "this is a NumPy array",
    fix: "write it with safetensors.numpy.save_file",
  },
  {
    magic: (s) => /^\s*<(!doctype|html|\?xml)/i.test(s.toString("latin1")),
    what: "this is a web page, probably the error page of a download",
    fix: "fetch the file again, logged in where the model is gated",
  },
];

/** The refusal of a file that is no safetensors file but something well known, by its first bytes. */
export function explainForeignFile(start: Uint8Array, bytes: number, where: string): HeartcutError | undefined {
  const buffer = Buffer.from(start.buffer, start.byteOffset, start.length);
  const kind = KINDS.find(({ magic }) => magic(buffer));
  if (kind === undefined) return undefined;
  return new HeartcutError("HC1010", {
    what: `not a safetensors file: ${kind.what}`,
    where,
    found: `${bytes} bytes`,
    why: bytes === 0 ? undefined : "heartcut reads weights from safetensors only, which cannot run code",
    fix: kind.fix,
  });
}

function begins(start: Buffer, magic: string): boolean {
  return start.subarray(0, magic.length).equals(Buffer.from(magic, "latin1"));
}
