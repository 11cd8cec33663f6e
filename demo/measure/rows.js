/** The rows of a report, or of none, whose values are all as wanted: rowsOf(report, { kind: 'softmax' }). */
export const rowsOf = (report, wanted) => report?.rows.filter((row) => Object.entries(wanted).every(([name, value]) => row[name] === value)) ?? [];
