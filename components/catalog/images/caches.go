package images

import "slices"

func caches() []Facts {
	redis := entry("redis", "7.4.2", 999, 999, 6379).named("redis").cache("/data").single(oneServer).
		from(library + "docs/tree/master/redis")
	valkey := entry("valkey/valkey", "8.0.1", 999, 999, 6379).named("valkey").cache("/data").single(oneServer).
		from(github + "valkey-io/valkey-container")
	memcached := entry("memcached", "1.6.38", 11211, 11211, 11211).named("memcache").cache().from(library + "memcached")
	stack := entry("redis/redis-stack-server", "7.4.0-v1", 999, 999, 6379).any().cache("/data").single(oneServer).
		from(github + "redis-stack/redis-stack/blob/master/etc/scripts/entrypoint.sh")
	return slices.Concat([]Facts{
		redis.variant("7.4.2-alpine", 999, 1000, "alpine"),
		redis,
		valkey.variant("8.0.1-alpine", 999, 1000, "alpine"),
		valkey,
		memcached.variant("1.6.38-alpine", 11211, 11211, "alpine"),
		memcached,
		entry("eqalpha/keydb", "", 999, 999, 6379).any().cache("/data").single(oneServer).
			from(github + "Snapchat/KeyDB/tree/main/pkg/docker"),
		entry("docker.dragonflydb.io/dragonflydb/dragonfly", "v1.26.0", 999, 999, 6379).any().cache("/data").
			single(oneServer).from(github + "dragonflydb/dragonfly/tree/main/tools/docker"),
		entry("rediscommander/redis-commander", "", 1000, 0, 8081).named("redis").web().
			from(github + "joeferner/redis-commander/blob/master/Dockerfile"),
		entry("redis/redisinsight", "", 1000, 1000, 5540).named("node").web("/data").single(oneWriter).
			from(github + "redis/RedisInsight/blob/main/Dockerfile"),
		stack,
		// The page it brings along for looking at the data keeps files in its home.
		stack.called("redis/redis-stack").ports(6379, 8001).env(env{"HOME": "/tmp"}),
	}, archived(
		bitnami("redis", 6379).cache("/bitnami/redis/data").single(oneServer),
		bitnami("valkey", 6379).cache("/bitnami/valkey/data").single(oneServer),
		bitnami("memcached", 11211).cache(),
		bitnami("redis-sentinel", 26379).cache(),
	))
}
