using KestrelKv.Server.Tests.Browser;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("KestrelKv.Server.Tests.LongestFirst", "KestrelKv.Server.Tests")]

namespace KestrelKv.Server.Tests;

/// <summary>Runs the longest test collection first. If it ran last, the machine's other cores would have no tests left.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <inheritdoc/>
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection => collection.DisplayName != BrowserTests.Name);
}
