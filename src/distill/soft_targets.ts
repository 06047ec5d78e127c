import { columnTiles, logSumExp, rowsOf, softmaxTile } from "../graph/composite/tiles.ts";
import { add, concat, exp, gather, matmul, mul, neg, reshape, slice, sub, sum, zeros } from "../graph/ops/index.ts";
import type { Value } from "../graph/value.ts";
import type { BuildChunk, LinearHead } from "./head_chunks.ts";
import { type DistillationLoss, softCrossEntropy } from "./losses.ts";

/** Of each tile: logsumexp of the student and of the teacher, Σ p z and Σ p y with the teacher's softmax in the tile. */
const FIGURES = 4;

/**
 * A chunk of cross-entropy or forward KL to a teacher's distribution, at temperature 1: with z, y the logits of student
 * and teacher, CE = logsumexp z - Σ p z, H = logsumexp y - Σ p y, KL = CE - H, and dz = q - p.
 * In tiles of the vocabulary as `linearCrossEntropy`, whose NLL shares the student's tiles. Ids from `common` on count
 * for the NLL alone.
 */
export function softTargetsChunk(
  student: LinearHead,
  teacher: LinearHead,
  targets: Value | undefined,
  common: number,
  loss: DistillationLoss,
): BuildChunk {
  const { head } = student;
  const V = head.shape[0]!;
  const D = head.shape[1]!;
  const shared = columnTiles({ start: 0, end: common });
  const padding = common < V ? columnTiles({ start: common, end: V }) : [];
  return (take) => {
    const h = take(student.hidden);
    const rows = h.shape[0]!;
    const flat = (x: Value) => reshape(x, [rows]);
    const column = (x: Value) => reshape(x, [rows, 1]);
    const teacherRows = take(teacher.hidden);
    const tiles = shared.map((range) => {
      const q = softmaxTile(h, head, range);
      const p = softmaxTile(teacherRows, teacher.head, range);
      const expected = (z: Value) => sum(mul(p.p, z), [1]);
      return { range, q: q.p, p: p.p, figures: concat([q.lse, p.lse, expected(q.z), expected(p.z)], 1) };
    });
    // All that follows hangs on the figures of every tile, so that a tile's logits are dead before the next one's live:
    // 770 MB for 2,048 × 32,000, against 1,350 with the expectations taken after all tiles.
    const figures = reshape(
      concat(
        tiles.map((tile) => tile.figures),
        1,
      ),
      [rows, tiles.length, FIGURES],
    );
    const figure = (place: number) =>
      reshape(slice(figures, { axis: 2, start: place, end: place + 1 }), [rows, tiles.length]);
    const [studentLses, teacherLses] = [figure(0), figure(1)];
    const lse = logSumExp(studentLses);
    const teacherLse = logSumExp(teacherLses);
    const shares = exp(sub(teacherLses, teacherLse));
    const expectation = (perTile: Value) => sum(mul(perTile, shares), [1]);
    const crossEntropy = sub(lse, expectation(figure(2)));
    const entropy = sub(teacherLse, expectation(figure(3)));
    const kl = sub(crossEntropy, entropy);
    const distances = {
      losses: flat(loss === softCrossEntropy ? crossEntropy : kl),
      teacherEntropy: flat(entropy),
      kl: flat(kl),
    };

    const y = targets === undefined ? undefined : take(targets);
    const target = y === undefined ? undefined : gather(head, y);
    // Without targets nothing asks for the student's padding.
    const rest = y === undefined ? [] : padding.map((range) => softmaxTile(h, head, range));
    const restLses = rest.map((tile) => tile.lse);
    const all = rest.length === 0 ? lse : logSumExp(concat([lse, ...restLses], 1));
    const nll = target === undefined ? undefined : flat(sub(all, sum(mul(h, target), [1])));

    return {
      rows: { ...distances, ...(nll !== undefined && { nll }) },
      backward: (ctLosses, ctNll) => {
        const a = column(ctLosses);
        const b = ctNll === undefined ? undefined : column(ctNll);
        const ofTeacher = mul(shares, a);
        let ofStudent = mul(exp(sub(studentLses, lse)), a);
        if (b !== undefined) ofStudent = add(ofStudent, mul(exp(sub(studentLses, all)), b));
        const dHead: Value[] = [];
        let hidden = b === undefined ? zeros(h.dtype, [rows, D]) : neg(mul(b, target!));
        for (const [j, { range, q, p }] of tiles.entries()) {
          const dz = sub(mul(q, at(ofStudent, j)), mul(p, at(ofTeacher, j)));
          hidden = add(hidden, matmul(dz, rowsOf(head, range)));
          dHead.push(matmul(dz, h, { transA: true }));
        }
        for (const tile of rest) {
          const weight = mul(exp(sub(tile.lse, all)), b!);
          hidden = add(hidden, mul(matmul(tile.p, rowsOf(head, tile.range)), weight));
          dHead.push(matmul(tile.p, mul(h, weight), { transA: true }));
        }
        if (rest.length === 0 && common < V) dHead.push(zeros(head.dtype, [V - common, D]));
        const scattered = b === undefined ? undefined : { ids: y!, rows: neg(mul(h, b)) };
        return { hidden, tiles: dHead, scattered };
      },
    };
  };
}

/** Column j of [R,tiles], [R,1]. */
const at = (x: Value, j: number): Value => slice(x, { axis: 1, start: j, end: j + 1 });
