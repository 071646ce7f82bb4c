using KestrelKv.Storage.Durability;
using KestrelKv.Storage.Embedded;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The durable store keeps the contract, on the real disk.</summary>
public sealed class DurableStoreContractTests : StoreContractTests, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    protected override IKeyValueStore Create(TimeProvider time) => DurableStore.Open(
        new DataOptions { Directory = _directory.Path, SegmentBytes = DataOptions.SegmentBytesMin },
        new EmbeddedStoreOptions(), time, NullLoggerFactory.Instance);
}
