/** A series as a small picture. label says in words what it shows, for those who cannot see it. */
export function Sparkline({ values, label, color = "--muted", width = 96, height = 20 }: {
  values: number[]; label: string; color?: string; width?: number; height?: number;
}) {
  const most = Math.max(1, ...values);
  const step = width / Math.max(1, values.length);
  return (
    <svg role="img" aria-label={label} width={width} height={height} viewBox={`0 0 ${width} ${height}`} className="inline-block align-middle">
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} stroke="var(--line)" />
      {values.map((v, i) => v > 0 && (
        <rect key={i} x={i * step} width={Math.max(1, step - 1)} y={height - Math.max(1.5, (v / most) * height)} height={Math.max(1.5, (v / most) * height)} fill={`var(${color})`} />
      ))}
    </svg>
  );
}
