// A line over steps, small.
const SVG = "http://www.w3.org/2000/svg";

export function curve(points, { width = 640, height = 160 } = {}) {
  const node = document.createElementNS(SVG, "svg");
  const most = Math.max(...points.map(([, value]) => value)) || 1;
  const last = points.at(-1)[0];
  const place = ([step, value]) => `${((step / last) * width).toFixed(1)},${(height - 4 - (value / most) * (height - 12)).toFixed(1)}`;
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  node.setAttribute("class", "curve");
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", `From ${points[0][1].toFixed(3)} to ${points.at(-1)[1].toFixed(3)} over ${last} steps`);
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.map(place).join(" "));
  node.append(line);
  return node;
}
