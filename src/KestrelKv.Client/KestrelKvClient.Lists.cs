using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client;

public sealed partial class KestrelKvClient
{
    private const int PageSizeMax = 1_000;

    /// <summary>Lists entries in lexicographic order of the UTF-8 bytes of their keys.</summary>
    /// <remarks>
    /// The client requests page after page while the caller enumerates. An entry that exists throughout is listed exactly once; entries of
    /// different pages may be from different points in time.
    /// </remarks>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">A call failed.</exception>
    [OverloadResolutionPriority(1)]
    public IAsyncEnumerable<Entry<T>> ScanAsync<T>(
        string prefix, ScanOptions options = default, CancellationToken cancellationToken = default) =>
        ScanAsync(prefix, TypeOf<T>(), options, cancellationToken);

    /// <inheritdoc cref="ScanAsync{T}(string, ScanOptions, CancellationToken)"/>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="type">How the values are converted.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    public async IAsyncEnumerable<Entry<T>> ScanAsync<T>(
        string prefix, JsonTypeInfo<T> type, ScanOptions options = default, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        await foreach (ScanItem<T> item in ScanItemsAsync(prefix, type, null, options, cancellationToken)) yield return item.Entry;
    }

    /// <summary>Lists keys with their versions, without values.</summary>
    /// <inheritdoc cref="ScanAsync{T}(string, ScanOptions, CancellationToken)"/>
    public async IAsyncEnumerable<KeyInfo> ScanKeysAsync(
        string prefix, ScanOptions options = default, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (ScanItem<object> item in ScanItemsAsync<object>(prefix, null, null, options, cancellationToken))
            yield return new(item.Entry.Key, item.Entry.Version, item.Entry.ExpiresAt);
    }

    /// <summary>Lists one level of a tree: the keys directly under a prefix, and the groups of keys that continue with a delimiter.</summary>
    /// <example>With the keys <c>a</c>, <c>b/1</c> and <c>b/2</c>, the prefix "" and the delimiter <c>/</c>, it lists the key <c>a</c> and the group <c>b/</c> with 2 keys.</example>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="delimiter">The delimiter, not empty.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">A call failed.</exception>
    public async IAsyncEnumerable<KeyNode> ScanTreeAsync(
        string prefix, string delimiter, ScanOptions options = default, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(delimiter);
        await foreach (ScanItem<object> item in ScanItemsAsync<object>(prefix, null, delimiter, options, cancellationToken))
            yield return item.Prefix is null ? new(item.Entry.Key, false, 1) : new(item.Prefix, true, item.Keys);
    }

    /// <summary>Returns the number of keys with a prefix.</summary>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="timeout">The deadline; null for <see cref="KestrelKvClientOptions.Timeout"/>.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<long> CountAsync(string prefix = "", TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        CallAsync<CountRequest, long>(new(prefix, timeout), cancellationToken);

    private async IAsyncEnumerable<ScanItem<T>> ScanItemsAsync<T>(
        string prefix, JsonTypeInfo<T>? type, string? delimiter, ScanOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (options.PageSize is < 0 or > PageSizeMax)
            throw new ArgumentOutOfRangeException(nameof(options), options.PageSize, $"PageSize must be 1 to {PageSizeMax}, or 0 for the default.");
        if (options.Limit is < 1)
            throw new ArgumentOutOfRangeException(nameof(options), options.Limit, "Limit must be greater than 0, or null.");
        int pageSize = options.PageSize > 0 ? options.PageSize : type is null ? PageSizeMax : 100;
        int left = options.Limit ?? int.MaxValue;
        string? after = options.After;
        do
        {
            var request = new ScanRequest<T>(prefix, after, Math.Min(pageSize, left), type, delimiter, options);
            ScanPage<T> page = await CallAsync<ScanRequest<T>, ScanPage<T>>(request, cancellationToken);
            foreach (ScanItem<T> item in page.Items) yield return item;
            left -= page.Items.Count;
            after = page.Next;
        }
        while (after is not null && left > 0);
    }
}
