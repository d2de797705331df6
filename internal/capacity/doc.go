// Package capacity plans what a show takes, from what was measured of one
// machine, and checks the plan by simulating its busiest second.
//
//   - CP1 A plan's parts follow from its figures by arithmetic that it can print.
//   - CP2 In the simulated burst every answer gets one receipt, and no queue is
//     served out of order.
//   - CP3 With less to serve it the simulated burst takes longer, never shorter.
//   - CP4 A plan holds its target: the simulated burst is receipted in time.
//
// It is pure: time and chance are arguments.
package capacity
