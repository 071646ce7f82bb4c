using KestrelKv.Storage.Embedded;
using KestrelKv.Storage.Files;
using Microsoft.Extensions.Logging.Abstractions;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>The store of a data directory on a real disk meets the contract.</summary>
public sealed class DataDirectoryContractTests : StoreContractTests, IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly List<DataDirectory> _opened = [];

    public void Dispose()
    {
        foreach (DataDirectory opened in _opened) opened.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _directory.Dispose();
    }

    protected override IKeyValueStore Create(TimeProvider time)
    {
        _opened.Add(DataDirectory.Open(
            new DataOptions { Directory = Path.Combine(_directory.Path, $"{_opened.Count}"), SegmentBytes = DataOptions.SegmentBytesMin },
            new EmbeddedStoreOptions(), time, NullLoggerFactory.Instance));
        return _opened[^1].Store;
    }
}
