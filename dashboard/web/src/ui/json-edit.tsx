import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, defaultHighlightStyle, ensureSyntaxTree, foldGutter, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { forceLinting, linter, type Diagnostic } from "@codemirror/lint";
import { searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { parseJson } from "../api/json";
import { hiddenCharacters, nameOf } from "../marks/hidden";
import { placeOf } from "./json-place";

/** A problem at a place of the document, told by a path such as items[2].sku. */
export type JsonProblem = { path: string; message: string };

const look = EditorView.theme({
  "&": { fontSize: "0.75rem", backgroundColor: "var(--surface)", color: "var(--text)", height: "100%" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace", caretColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--muted)", border: "none" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--accent-soft)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  // The waves that come with it are images in data: URLs, which our Content-Security-Policy refuses.
  ".cm-lintRange": { backgroundImage: "none !important", textDecoration: "underline wavy" },
  ".cm-lintRange-error": { textDecorationColor: "var(--danger)" },
  ".cm-lintRange-warning, .cm-lintRange-info, .cm-lintRange-hint": { textDecorationColor: "var(--warn)" },
  // As .mark::before of styles.css, of which nothing comes in here.
  ".mark": {
    margin: "0 1px", padding: "0 2px", border: "1px solid var(--strong)", borderRadius: "3px", fontSize: "0.625rem", color: "var(--warn)", backgroundColor: "var(--warn-soft)",
  },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line)" },
});
// A browser that types over a selection keeps its look in a style attribute, which our Content-Security-Policy refuses: so
// the editor replaces it. Of a selection that was made just now only the browser knows, and Chromium tells of it by no target
// range in a shadow root.
const overtyping = EditorView.domEventHandlers({
  beforeinput: (e, view) => {
    if (e.inputType !== "insertText" || e.data === null || view.composing || view.state.readOnly) return false;
    const range = e.getTargetRanges()[0] ?? selectedIn(view.root);
    if (!range || range.collapsed || !view.contentDOM.contains(range.startContainer) || !view.contentDOM.contains(range.endContainer)) return false;
    const [from, to] = [view.posAtDOM(range.startContainer, range.startOffset), view.posAtDOM(range.endContainer, range.endOffset)];
    const insert = view.state.toText(e.data);
    view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length }, userEvent: "input.type", scrollIntoView: true });
    e.preventDefault();
    return true;
  },
});

const hidden = highlightSpecialChars({
  specialChars: hiddenCharacters,
  render: (code) => {
    const mark = document.createElement("span");
    mark.className = "mark";
    mark.textContent = nameOf(String.fromCodePoint(code));
    return mark;
  },
});

/** What is selected in a shadow root, by a method that only Chromium has. */
function selectedIn(root: DocumentOrShadowRoot): Range | undefined {
  const selection = (root as { getSelection?: () => Selection | null }).getSelection?.();
  return selection?.rangeCount ? selection.getRangeAt(0) : undefined;
}

const ink = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--accent)" },
  { tag: tags.string, color: "var(--completed)" },
  { tag: tags.number, color: "var(--processing)" },
  { tag: [tags.bool, tags.null], color: "var(--pending)" },
]);

// Longer texts are not read with each key: it would hold the page up.
const mostRead = 256 * 1024;

/** Marks what is no JSON, and the problems where they are. */
function marks(view: EditorView, problems: readonly JsonProblem[]): Diagnostic[] {
  const { doc } = view.state;
  if (doc.length > mostRead) return [];
  const text = doc.toString();
  try {
    if (text.trim()) parseJson(text);
  } catch (e) {
    const message = e instanceof Error ? e.message : String(e);
    const at = Math.min(Number(/position (\d+)/.exec(message)?.[1] ?? text.length), text.length);
    return [{ from: at, to: Math.min(at + 1, text.length), severity: "error", message }];
  }
  const tree = ensureSyntaxTree(view.state, doc.length, 200);
  return !tree ? [] : problems.map((p) => ({ ...placeOf(tree, (from, to) => doc.sliceString(from, to), p.path), severity: "error", message: p.message }));
}

const none: readonly JsonProblem[] = [];

/**
 * An editor of JSON: marks what is no JSON, numbers keep their digits as they are text. value is what it begins with,
 * and replaces what is written where it changes. problems are listed by whoever uses it; here they are only marked.
 */
export default function JsonEdit({ value, onChange, label, readOnly, problems = none }: {
  value: string; onChange?: (text: string) => void; label: string; readOnly?: boolean; problems?: readonly JsonProblem[];
}) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const changed = useRef(onChange);
  const told = useRef(problems);
  useEffect(() => {
    changed.current = onChange;
  });
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    // In a shadow root its styles are adopted style sheets, which our Content-Security-Policy allows, unlike <style>.
    const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
    const editor = new EditorView({
      root, parent: root,
      state: EditorState.create({
        doc: value,
        extensions: [
          lineNumbers(), foldGutter(), history(), bracketMatching(), json(), hidden, linter((v) => marks(v, told.current)), look,
          syntaxHighlighting(ink), syntaxHighlighting(defaultHighlightStyle, { fallback: true }),
          keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]),
          EditorState.readOnly.of(!!readOnly), EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": label }),
          overtyping,
          EditorView.updateListener.of((u) => u.docChanged && changed.current?.(u.state.doc.toString())),
        ],
      }),
    });
    view.current = editor;
    return () => {
      editor.destroy();
      root.replaceChildren();
    };
    // Made once: later values arrive below.
    // eslint-disable-next-line
  }, [label, readOnly]);
  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);
  useEffect(() => {
    told.current = problems;
    if (view.current) forceLinting(view.current);
  }, [problems]);
  return <div ref={host} className="h-72 min-h-40 resize-y overflow-auto rounded-md border border-strong" />;
}
