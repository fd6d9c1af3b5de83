package main

import (
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// plotDepth draws the medians of the depth-* cases: throughput over the length of the queue.
func plotDepth(path string, chosen []Peer, results []Result) error {
	rows := group(chosen, results)
	p := plot.New()
	p.Title.Text = "Dispatch and handle at once, while a number of messages waits"
	p.X.Label.Text = "messages waiting"
	p.Y.Label.Text = "handled a second"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Min = 0
	p.Legend.Top = true
	var lines []any
	for _, peer := range chosen {
		var points plotter.XYs
		for _, depth := range depths {
			for _, r := range rows {
				if v, ok := r.median(rate); ok && r.peer.Name == peer.Name && strings.EqualFold(r.name, depthCase(depth)) {
					points = append(points, plotter.XY{X: float64(depth), Y: v})
				}
			}
		}
		if len(points) > 0 {
			lines = append(lines, peer.Name, points)
		}
	}
	if err := plotutil.AddLinePoints(p, lines...); err != nil {
		return err
	}
	return p.Save(18*vg.Centimeter, 11*vg.Centimeter, path)
}
