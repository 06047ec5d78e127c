import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InternalError } from "../../src/errors.ts";
import { escapeText, html, Safe } from "../../src/report/html.ts";
import { visible, visibleLine, visibleText } from "../../src/report/visible.ts";
import { PAYLOADS } from "./payloads.ts";

const decode = (text: string) => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));

describe("html", () => {
  it("escapes text and attributes", () => {
    expect(String(html`<p title="${'a"b'}">${"<b>&'`"}</p>`)).toBe('<p title="a&#34;b">&#60;b&#62;&#38;&#39;&#96;</p>');
  });

  it("inserts safe values, lists of them and numbers unchanged", () => {
    const item = (text: string) => html`<li>${text}</li>`;
    expect(String(html`<ul>${["a", "<"].map(item)}</ul>${3.5}`)).toBe("<ul><li>a</li><li>&#60;</li></ul>3.5");
  });

  it("loses no character that can be shown and lets none through that is markup", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const escaped = escapeText(text);
        expect(escaped).not.toMatch(/[<>"'`]|&(?!#\d+;)/);
        const shown = text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069\ufffe\uffff]|\p{Surrogate}/gu, (c) =>
          /[\n\t]/.test(c) ? c : "\ufffd",
        );
        expect(decode(escaped)).toBe(shown);
      }),
    );
  });

  it("refuses text where escaping does not protect", () => {
    const text = "javascript:alert(1)";
    expect(() => html`<a href="${text}">x</a>`).toThrow(InternalError);
    expect(() => html`<p onclick="${text}">x</p>`).toThrow(InternalError);
    expect(() => html`<p style="${text}">x</p>`).toThrow(InternalError);
    expect(() => html`<style>${text}</style>`).toThrow(InternalError);
    expect(() => html`<p ${text}>x</p>`).toThrow(InternalError);
    expect(() => html`<p title=${text}>x</p>`).toThrow(InternalError);
    expect(String(html`<a href="${Safe.constant("#here")}">x</a>`)).toBe('<a href="#here">x</a>');
  });

  it("does not take an object that looks like markup for markup", () => {
    const fake = { toString: () => "<script>" } as unknown as string;
    expect(String(html`<p>${fake}</p>`)).toBe("<p>&#60;script&#62;</p>");
  });
});

describe("visible", () => {
  it("shows control, bidirectional and broken characters and keeps newlines and tabs", () => {
    const plain = String(visible("a\tb\nc\u0000\u202e\u200b\ud800")).replace(/<[^>]*>/g, "");
    expect(plain).toBe("a⇥\tb↵\nc␀⟨202E⟩⟨200B⟩⟨D800⟩");
    expect(visibleText("a\n\u001b[31m")).toBe("a\n␛[31m");
    expect(visibleLine("a\n \tb\u0007")).toBe("a b␇");
  });

  it("leaves emoji and letters of all scripts alone", () => {
    const text = "naïve 😀 漢字 שלום 👩‍👧";
    expect(String(visible(text))).toBe(text);
  });

  it("is escaped like all text", () => {
    for (const payload of PAYLOADS)
      expect(String(visible(payload)).replace(/<\/?span[^>]*>/g, "")).not.toMatch(/[<>"]/);
  });
});
