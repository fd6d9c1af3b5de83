package flow

// How gates are named.
var (
	Line        = lineName
	IsLine      = isLine
	HoldGate    = holdGateOf
	CutHoldGate = cutHoldGate
	WaitBefore  = waitBefore
)
