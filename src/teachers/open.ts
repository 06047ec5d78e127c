import { openEndpointTeacher } from "./endpoint/teacher.ts";
import { openGgufTeacher } from "./gguf.ts";
import { openOnnxTeacher } from "./onnx.ts";
import { openOwnTeacher } from "./own.ts";
import type { Teacher, TeacherContext } from "./record.ts";
import { parseTeacherSpec, type TeacherSpecInput } from "./spec.ts";

/**
 * Opens any teacher: a Hugging Face folder, a GGUF file, a server, or an exported ONNX file.
 * @throws HeartcutError HC3301 for a spec that cannot be read; as the backends
 */
export async function openTeacher(spec: TeacherSpecInput, context: TeacherContext = {}): Promise<Teacher> {
  const parsed = parseTeacherSpec(spec);
  if ("path" in parsed) return openOwnTeacher(parsed.path, context);
  if ("gguf" in parsed) return openGgufTeacher(parsed, context);
  if ("onnx" in parsed) return openOnnxTeacher(parsed, context);
  return openEndpointTeacher(parsed.endpoint, context);
}
