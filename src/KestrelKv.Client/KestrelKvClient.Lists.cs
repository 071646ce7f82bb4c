using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client;

public sealed partial class KestrelKvClient
{
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
    public IAsyncEnumerable<Entry<T>> ScanAsync<T>(
        string prefix, JsonTypeInfo<T> type, ScanOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        return ScanAsync(prefix, type, null, options, item => item.Entry, cancellationToken);
    }

    /// <summary>Lists keys with their versions, without values.</summary>
    /// <inheritdoc cref="ScanAsync{T}(string, ScanOptions, CancellationToken)"/>
    public IAsyncEnumerable<KeyInfo> ScanKeysAsync(string prefix, ScanOptions options = default, CancellationToken cancellationToken = default) =>
        ScanAsync<object, KeyInfo>(
            prefix, null, null, options, item => new(item.Entry.Key, item.Entry.Version, item.Entry.ExpiresAt), cancellationToken);

    /// <summary>Lists one level of a tree: the keys directly under a prefix, and the groups of keys that continue with a delimiter.</summary>
    /// <example>With the keys <c>a</c>, <c>b/1</c> and <c>b/2</c>, the prefix "" and the delimiter <c>/</c>, it lists the key <c>a</c> and the group <c>b/</c> with 2 keys.</example>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="delimiter">The delimiter, not empty.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">A call failed.</exception>
    public IAsyncEnumerable<KeyNode> ScanTreeAsync(
        string prefix, string delimiter, ScanOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(delimiter);
        return ScanAsync<object, KeyNode>(
            prefix, null, delimiter, options,
            item => item.Prefix is null ? new(item.Entry.Key, false, 1) : new(item.Prefix, true, item.Keys), cancellationToken);
    }

    /// <summary>Returns the number of keys with a prefix.</summary>
    /// <param name="prefix">The prefix of the keys; empty for all keys.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<long> CountAsync(string prefix, CallOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<CountRequest, long>(new(prefix, options), cancellationToken);

    private IAsyncEnumerable<TItem> ScanAsync<T, TItem>(
        string prefix, JsonTypeInfo<T>? type, string? delimiter, ScanOptions options, Func<ScanItem<T>, TItem> select,
        CancellationToken cancellationToken)
    {
        ScanRequest<T>.Check(prefix, delimiter, options, _options);
        if (options.Timeout is { } timeout) CheckTimeout(timeout);
        return ReadPagesAsync(prefix, type, delimiter, options, select, cancellationToken);
    }

    private async IAsyncEnumerable<TItem> ReadPagesAsync<T, TItem>(
        string prefix, JsonTypeInfo<T>? type, string? delimiter, ScanOptions options, Func<ScanItem<T>, TItem> select,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int pageSize = options.PageSize ?? (type is null ? ScanRequest<T>.PageSizeMax : 100);
        int left = options.Limit ?? int.MaxValue;
        string? after = options.After;
        do
        {
            var request = new ScanRequest<T>(prefix, after, Math.Min(pageSize, left), type, delimiter, options);
            ScanPage<T> page = await CallAsync<ScanRequest<T>, ScanPage<T>>(request, cancellationToken).ConfigureAwait(false);
            foreach (ScanItem<T> item in page.Items) yield return select(item);
            left -= page.Items.Count;
            after = page.Next;
        }
        while (after is not null && left > 0);
    }
}
