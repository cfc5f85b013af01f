"""Who writes which shard: processes of this machine, tasks of a job array, a Ray cluster."""
