import type { SyntaxNode, Tree } from "@lezer/common";

/**
 * Where in a document of JSON a path such as items[2].sku is: the range of its value; of a member that is not there, the
 * beginning of what it is missing in. text is read by positions; tree is the document's as lang-json parses it.
 */
export function placeOf(tree: Tree, text: (from: number, to: number) => string, path: string): { from: number; to: number } {
  let node: SyntaxNode | null = tree.topNode.firstChild;
  let rest = path;
  while (node && rest !== "") {
    let next: SyntaxNode | null = null;
    let left = rest;
    const index = /^\[(\d+)\]/.exec(rest);
    if (node.name === "Array" && index) {
      const items: SyntaxNode[] = [];
      for (let c = node.firstChild; c; c = c.nextSibling) if (/^(Object|Array|String|Number|True|False|Null)$/.test(c.name)) items.push(c);
      next = items[Number(index[1])] ?? null;
      left = rest.slice(index[0].length);
    } else if (node.name === "Object") {
      const plain = rest.startsWith(".") ? rest.slice(1) : rest;
      for (let c = node.firstChild; c && !next; c = c.nextSibling) {
        const name = c.name === "Property" ? c.getChild("PropertyName") : null;
        if (!name) continue;
        let key: string;
        try {
          key = JSON.parse(text(name.from, name.to)) as string;
        } catch {
          continue;
        }
        // A name may have dots itself, and one of digits alone is written like a place in a list.
        const spelled = plain.startsWith(key) ? key : rest.startsWith(`[${key}]`) ? `[${key}]` : undefined;
        const after = spelled === undefined ? undefined : (spelled === key ? plain : rest).slice(spelled.length);
        if (after === undefined || (after !== "" && !/^[.[]/.test(after))) continue;
        next = c.lastChild;
        left = after;
      }
    }
    if (!next) break;
    node = next;
    rest = left;
  }
  if (!node) return { from: 0, to: 0 };
  if (rest === "" && path !== "") return { from: node.from, to: node.to };
  return { from: node.from, to: Math.min(node.from + 1, node.to) };
}
