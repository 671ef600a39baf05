// Reads a JSON list of Mermaid diagrams from standard input, and writes a JSON list of their SVGs.
import { readFileSync } from "node:fs";
import { renderMermaidSVG } from "beautiful-mermaid";

const diagrams = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(diagrams.map((each) => renderMermaidSVG(each))));
