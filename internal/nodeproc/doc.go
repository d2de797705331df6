// Package nodeproc starts real nodes of Cuelight as processes on this machine,
// for tests that kill them and for rehearsals that load them.
package nodeproc
