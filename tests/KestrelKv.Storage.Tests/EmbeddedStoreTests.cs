using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests;

public sealed class EmbeddedStoreTests : StoreContractTests
{
    protected override IKeyValueStore Create(TimeProvider time) => new EmbeddedStore(time);
}
