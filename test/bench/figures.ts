/** One measured number, and what it must not exceed or fall below, if it has a target. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: 'x' | 'ms' | 'MB/s' | 'MiB'
  readonly atMost?: number
  readonly atLeast?: number
}

/** Whether a figure meets its target; one without a target always does. */
export function isMet({ value, atMost = Infinity, atLeast = -Infinity }: Figure): boolean {
  return value <= atMost && value >= atLeast
}

/** Figures as lines of a Markdown table, so that a run can be pasted into docs/performance.md. */
export function tableOf(figures: readonly Figure[]): string {
  const lines = figures.map(figure => {
    const met = targetOf(figure) === '' ? '' : isMet(figure) ? 'met' : 'MISSED'
    return `| ${figure.name} | ${amount(figure.value, figure.unit)} | ${targetOf(figure)} | ${met} |`
  })
  return ['| figure | measured | target | |', '|---|---|---|---|', ...lines].join('\n')
}

function targetOf({ atMost, atLeast, unit }: Figure): string {
  if (atMost !== undefined) return `≤ ${amount(atMost, unit)}`
  return atLeast === undefined ? '' : `≥ ${amount(atLeast, unit)}`
}

function amount(value: number, unit: Figure['unit']): string {
  const digits = Math.abs(value) >= 100 ? 0 : unit === 'x' || Math.abs(value) < 10 ? 2 : 1
  return unit === 'x' ? `${value.toFixed(digits)} ×` : `${value.toFixed(digits)} ${unit}`
}
