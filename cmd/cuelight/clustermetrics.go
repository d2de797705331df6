package main

import (
	"context"
	"time"

	"github.com/cuelight/cuelight/interact/engine"
	"github.com/cuelight/cuelight/interact/history"
)

var (
	descNodes        = desc("nodes", "Nodes that there are, as far as this one knows.")
	descClockLeads   = desc("clock_leading", "Whether the other nodes keep this node's clock.")
	descReady        = desc("node_ready", "Whether this node may be sent viewers.")
	descRedisCalls   = desc("redis_calls_total", "Function calls made of Redis, and those of them that were made once more.", "kind")
	descRedisTrips   = desc("redis_trips_total", "Times that Redis was waited for: once for many calls.")
	descRedisCasts   = desc("redis_casts_total", "Batches of answers given to Redis.")
	descRedisVotes   = desc("redis_votes_total", "Answers in batches: all, those that changed counts, and those of which nobody knows.", "kind")
	descRedisRefused = desc("redis_refused_total", "What Redis or the network did not do.")
	descRedisFew     = desc("redis_few_replicas_total", "Times that too few replicas had it in time.")
	descRedisDown    = desc("redis_servers_down", "Servers of Redis that do not answer now.")

	descEdge         = desc("edge_requests_total", "Requests for media of other nodes, by how they were answered.", "how")
	descEdgeBytes    = desc("edge_bytes_total", "Bytes of media from other nodes, and to viewers.", "way")
	descEdgeFailed   = desc("edge_failures_total", "Requests to the home of a channel that gave no answer, or not all of it.")
	descEdgeHeld     = desc("edge_held_requests", "Requests for media of other nodes that wait.")
	descHistoryWaits = desc("history_pending", "Finished cues that are not known to be in the history.", "channel")
	descHistoryFails = desc("history_failures_total", "Times that the history could not be written; it is tried again.", "channel")

	descLeads         = desc("channel_leading", "Whether this node leads the channel.", "channel")
	descHome          = desc("channel_home_here", "Whether the channel's media are this node's.", "channel")
	descSynced        = desc("replica_synced", "Whether this node knows the channel as it is now.", "channel")
	descPosts         = desc("replica_posts_total", "Posts heard of the channel, and those not understood.", "channel", "kind")
	descResyncs       = desc("replica_resyncs_total", "Times that the channel had to be learnt anew.", "channel")
	descReplicaLag    = desc("replica_lag_seconds", "How late the last change of state was heard.", "channel")
	descReplicaCasts  = desc("replica_casts_total", "Batches of answers cast.", "channel")
	descReplicaTime   = desc("replica_cast_seconds_total", "Time that casts took in all.", "channel")
	descReplicaHere   = desc("replica_answers_waiting", "Answers taken in that wait for their receipt.", "channel")
	descElsewhere     = desc("viewers_elsewhere", "Viewers connected to other nodes.", "channel")
	descWhispersLost  = desc("whispers_dropped_total", "What other nodes were not told.", "channel")
	descBallotErrors  = desc("ballot_errors_total", "Times that counts could not be read.", "channel")
	descReplicaLookup = desc("replica_lookups_total", "Receipts looked up for viewers that came, and those not found out.", "channel", "result")
)

// collect tells what this node is among others.
func (c *cluster) collect(gauge, total meter) {
	gauge(descNodes, float64(c.directory.size()))
	gauge(descClockLeads, truth(c.leadsClock.Load()))
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	gauge(descReady, truth(len(c.srv.ready.missing(ctx)) == 0))
	s := c.redis.Stats()
	total(descRedisCalls, float64(s.Calls), "all")
	total(descRedisCalls, float64(s.Again), "again")
	total(descRedisTrips, float64(s.Trips))
	total(descRedisCasts, float64(s.Casts))
	total(descRedisVotes, float64(s.Votes), "all")
	total(descRedisVotes, float64(s.Fresh), "fresh")
	total(descRedisVotes, float64(s.Lost), "lost")
	total(descRedisRefused, float64(s.Refused))
	total(descRedisFew, float64(s.FewReplicas))
	gauge(descRedisDown, float64(s.Down))
	c.collectEdge(gauge, total)
}

func (c *cluster) collectEdge(gauge, total meter) {
	e := c.edge.Stats()
	for how, n := range map[string]uint64{
		"kept": e.Hits, "joined": e.Joined, "asked": e.Asked, "passed": e.Passed, "away": e.Away, "absent": e.Absent,
		"refused": e.Refused + e.Crowded, "stale": e.Stale,
	} {
		total(descEdge, float64(n), how)
	}
	total(descEdgeBytes, float64(e.Upstream), "in")
	total(descEdgeBytes, float64(e.Sent), "out")
	total(descEdgeFailed, float64(e.Failed))
	gauge(descEdgeHeld, float64(e.Held))
}

// collectHistory tells how the history of a channel does.
func collectHistory(name string, h history.Health, gauge, total meter) {
	gauge(descHistoryWaits, float64(h.Pending), name)
	total(descHistoryFails, float64(h.Failures), name)
}

// collectSeat tells what this node does for a channel.
func (c *cluster) collectSeat(name string, gauge, total meter) {
	s := c.seats[name]
	r := s.Stats()
	gauge(descLeads, truth(s.leader.Load() != nil), name)
	gauge(descHome, truth(s.home != nil && s.home.is()), name)
	gauge(descSynced, truth(r.Synced), name)
	gauge(descReplicaLag, r.Lag.Seconds(), name)
	gauge(descReplicaHere, float64(r.Waiting), name)
	gauge(descElsewhere, float64(c.crowds.of(name).Viewers), name)
	total(descPosts, float64(r.Posts), name, "all")
	total(descPosts, float64(r.Unread), name, "unread")
	total(descResyncs, float64(r.Resyncs), name)
	total(descReplicaCasts, float64(r.Casts), name)
	total(descReplicaTime, r.CastTime.Seconds(), name)
	total(descReplicaLookup, float64(r.Lookups), name, "all")
	total(descReplicaLookup, float64(r.LookupsRefused), name, "refused")
	total(descWhispersLost, float64(s.tell.dropped.Load()), name)
	total(descCounted, float64(r.Counted), name)
	for code, n := range r.Refused {
		total(descRefusedCount, float64(n), name, string(code))
	}
	if room := s.leader.Load(); room != nil {
		c.collectLeader(name, s, room, gauge, total)
	}
}

func (c *cluster) collectLeader(name string, s *seat, room *engine.Room, gauge, total meter) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	counts, err := room.Counts(ctx)
	if err != nil {
		return // it is handing over
	}
	total(descCommits, float64(counts.Commits), name)
	total(descCommitErrors, float64(counts.CommitErrors), name)
	total(descBallotErrors, float64(counts.BallotErrors), name)
	if r := s.recorder.Load(); r != nil {
		collectHistory(name, r.Health(), gauge, total)
	}
	collectLog(name, counts, total)
	collectTogether(name, counts, s.Latency(), gauge, total)
}
