import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Unit vectors by their non-zero entries, the form that bags of words and dense embeddings share. */
export interface SparseVector {
  indices: Int32Array;
  values: Float64Array;
}

/** Scales a vector to length 1; one without length stays as it is. */
export function unit(values: Float64Array): Float64Array {
  const norm = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  return norm === 0 ? values : values.map((x) => x / norm);
}

/** Ridge of the log-determinant: two equal instances make the kernel singular. */
const RIDGE = 0.01;

/** Eigenvalues of the kernel of cosines of unit vectors, divided by their number, so that they add up to 1.
 * @returns m shares, none negative */
export function kernelSpectrum(vectors: readonly SparseVector[]): Float64Array {
  const m = vectors.length;
  const kernel = new Matrix(m, m);
  // One vector is laid out densely at a time: a row of the kernel costs the entries of the others.
  const width = vectors.reduce((most, { indices }) => indices.reduce((a, b) => Math.max(a, b + 1), most), 0);
  const dense = new Float64Array(width);
  for (let i = 0; i < m; i++) {
    const { indices, values } = vectors[i]!;
    for (const [at, index] of indices.entries()) dense[index] = values[at]!;
    kernel.set(i, i, 1);
    for (let j = i + 1; j < m; j++) {
      const other = vectors[j]!;
      let cosine = 0;
      for (let at = 0; at < other.indices.length; at++) cosine += dense[other.indices[at]!]! * other.values[at]!;
      kernel.set(i, j, cosine);
      kernel.set(j, i, cosine);
    }
    for (const index of indices) dense[index] = 0;
  }
  const { realEigenvalues } = new EigenvalueDecomposition(kernel, { assumeSymmetric: true });
  return Float64Array.from(realEigenvalues, (value) => Math.max(0, value) / m);
}

/** Vendi score: exp of the entropy of the kernel's spectrum, the effective number of different instances: 1 if all are equal,
 * m if all are orthogonal.   Source: Friedman and Dieng 2023, arXiv:2210.02410 */
export function vendiScore(spectrum: Float64Array): number {
  return Math.exp(spectrum.reduce((entropy, share) => (share > 0 ? entropy - share * Math.log(share) : entropy), 0));
}

/** Log-determinant of the kernel per instance, in nats: ln det((K + r I) / (1 + r)) / m with r = 0.01; 0 if all are orthogonal,
 * the maximally diverse reference, and below it otherwise.   Source: after Wang et al. 2024, arXiv:2402.02318 */
export function logDeterminant(spectrum: Float64Array): number {
  const m = spectrum.length;
  return spectrum.reduce((sum, share) => sum + Math.log((share * m + RIDGE) / (1 + RIDGE)), 0) / m;
}
