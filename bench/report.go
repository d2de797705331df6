package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// table is one comparison: our figures, the baseline's, and ours divided by
// the baseline's.
type table struct {
	title      string
	ours, base string
	rows       []row
}

// row is one figure. Without a base there is no ratio.
type row struct {
	what       string
	ours, base float64
	unit       unit
	noRatio    bool
}

// unit writes a figure for people.
type unit func(float64) string

func micros(v float64) string   { return strconv.FormatFloat(v/1e3, 'f', 1, 64) + " µs" }
func millis(v float64) string   { return strconv.FormatFloat(v/1e6, 'f', 1, 64) + " ms" }
func precise(v float64) string  { return strconv.FormatFloat(v/1e6, 'f', 2, 64) + " ms" }
func kib(v float64) string      { return strconv.FormatFloat(v/1024, 'f', 1, 64) + " KiB" }
func number(v float64) string   { return strconv.FormatFloat(v, 'f', 1, 64) }
func share(v float64) string    { return strconv.FormatFloat(100*v, 'f', 0, 64) + " %" }
func decimals(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
func whole(v float64) string    { return strconv.FormatFloat(v, 'f', 0, 64) }

func (t *table) add(what string, u unit, ours, base float64) {
	t.rows = append(t.rows, row{what: what, ours: ours, base: base, unit: u})
}

func (t *table) addTime(what string, u unit, ours, base time.Duration) {
	t.add(what, u, float64(ours), float64(base))
}

// tell adds figures whose ratio says nothing.
func (t *table) tell(what string, u unit, ours, base float64) {
	t.rows = append(t.rows, row{what: what, ours: ours, base: base, unit: u, noRatio: true})
}

// nothing stands where there is no figure.
const nothing = "–"

// cell writes a figure. Not a number is none.
func (r row) cell(v float64) string {
	if math.IsNaN(v) {
		return nothing
	}
	return r.unit(v)
}

// print writes t as a table that is also Markdown.
func (t *table) print(w io.Writer) {
	lines := [][]string{{"", t.ours, t.base, t.ours + " / " + t.base}}
	for _, r := range t.rows {
		ratio := nothing
		if !r.noRatio && r.base > 0 && !math.IsNaN(r.ours) {
			ratio = strconv.FormatFloat(r.ours/r.base, 'f', 2, 64)
		}
		lines = append(lines, []string{r.what, r.cell(r.ours), r.cell(r.base), ratio})
	}
	widths := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, cell := range l {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	fmt.Fprintf(w, "\n%s\n\n", t.title)
	for n, l := range lines {
		printLine(w, l, widths)
		if n == 0 {
			fmt.Fprintf(w, "| %s |", strings.Repeat("-", widths[0]))
			for _, width := range widths[1:] {
				fmt.Fprintf(w, " %s: |", strings.Repeat("-", width-1))
			}
			fmt.Fprintln(w)
		}
	}
}

func printLine(w io.Writer, cells []string, widths []int) {
	for i, cell := range cells {
		pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
		if i == 0 {
			fmt.Fprintf(w, "| %s%s |", cell, pad)
		} else {
			fmt.Fprintf(w, " %s%s |", pad, cell)
		}
	}
	fmt.Fprintln(w)
}
