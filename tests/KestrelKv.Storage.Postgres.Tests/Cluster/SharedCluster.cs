namespace KestrelKv.Storage.Postgres.Tests.Cluster;

/// <summary>Tests that share one cluster, one after another, each with a schema of its own.</summary>
[CollectionDefinition(Name)]
public sealed class SharedCluster : ICollectionFixture<PatroniCluster>
{
    public const string Name = "Patroni";
}
