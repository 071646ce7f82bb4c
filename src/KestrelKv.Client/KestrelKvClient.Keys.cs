using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client;

public sealed partial class KestrelKvClient
{
    /// <summary>Reads a value.</summary>
    /// <typeparam name="T">The type of the value, converted as <see cref="KestrelKvClientOptions.Json"/> states.</typeparam>
    /// <param name="key">The key, not empty.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The entry; <see cref="Entry{T}.Found"/> is false if the key is missing.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    /// <exception cref="JsonException">The value cannot be converted to <typeparamref name="T"/>.</exception>
    [OverloadResolutionPriority(1)]
    public ValueTask<Entry<T>> GetAsync<T>(string key, GetOptions options = default, CancellationToken cancellationToken = default) =>
        GetAsync(key, TypeOf<T>(), options, cancellationToken);

    /// <summary>Reads a value with explicit type information, which needs no reflection.</summary>
    /// <inheritdoc cref="GetAsync{T}(string, GetOptions, CancellationToken)"/>
    /// <param name="key">The key, not empty.</param>
    /// <param name="type">How the value is converted.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public ValueTask<Entry<T>> GetAsync<T>(
        string key, JsonTypeInfo<T> type, GetOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        return CallAsync<GetRequest<T>, Entry<T>>(new(key, type, options), cancellationToken);
    }

    /// <summary>Reads the exact JSON text of a value, in UTF-8, into new memory.</summary>
    /// <inheritdoc cref="GetAsync{T}(string, GetOptions, CancellationToken)"/>
    public ValueTask<Entry<ReadOnlyMemory<byte>>> GetUtf8Async(
        string key, GetOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<GetUtf8Request, Entry<ReadOnlyMemory<byte>>>(new(key, options), cancellationToken);

    /// <summary>Writes the exact JSON text of a value, in UTF-8, to a buffer. Allocates nothing.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="destination">Receives the text if the key exists. Not used after the call has ended.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The entry, with the number of bytes as its value.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<Entry<int>> GetUtf8Async(
        string key, IBufferWriter<byte> destination, GetOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return CallAsync<GetIntoBufferRequest, Entry<int>>(new(key, destination, options), cancellationToken);
    }

    /// <summary>Reads up to 1,000 values at one point in time.</summary>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="keys">1 to 1,000 keys.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>One entry per key, in the order of <paramref name="keys"/>.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    /// <exception cref="JsonException">A value cannot be converted to <typeparamref name="T"/>.</exception>
    [OverloadResolutionPriority(1)]
    public ValueTask<IReadOnlyList<Entry<T>>> GetManyAsync<T>(
        IReadOnlyList<string> keys, GetOptions options = default, CancellationToken cancellationToken = default) =>
        GetManyAsync(keys, TypeOf<T>(), options, cancellationToken);

    /// <inheritdoc cref="GetManyAsync{T}(IReadOnlyList{string}, GetOptions, CancellationToken)"/>
    /// <param name="keys">1 to 1,000 keys.</param>
    /// <param name="type">How the values are converted.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public ValueTask<IReadOnlyList<Entry<T>>> GetManyAsync<T>(
        IReadOnlyList<string> keys, JsonTypeInfo<T> type, GetOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(type);
        return CallAsync<GetManyRequest<T>, IReadOnlyList<Entry<T>>>(new([.. keys], type, options), cancellationToken);
    }

    /// <summary>Writes a value.</summary>
    /// <typeparam name="T">The type of the value, converted as <see cref="KestrelKvClientOptions.Json"/> states.</typeparam>
    /// <param name="key">The key, not empty.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">The options. With <see cref="WriteOptions.Path"/>, the call writes a part of the value.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The result; <see cref="WriteResult.Applied"/> is false if a precondition failed.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="JsonException">
    /// The value cannot be converted to JSON: for example, it is nested more deeply than <see cref="JsonSerializerOptions.MaxDepth"/> (64 levels by
    /// default). Nothing was sent.
    /// </exception>
    /// <exception cref="InvalidOperationException">There is no JSON type information for <typeparamref name="T"/>. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    [OverloadResolutionPriority(1)]
    public ValueTask<WriteResult> PutAsync<T>(
        string key, T value, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        PutAsync(key, value, TypeOf<T>(), options, cancellationToken);

    /// <summary>Writes a value with explicit type information, which needs no reflection.</summary>
    /// <inheritdoc cref="PutAsync{T}(string, T, WriteOptions, CancellationToken)"/>
    /// <param name="key">The key, not empty.</param>
    /// <param name="value">The value.</param>
    /// <param name="type">How the value is converted.</param>
    /// <param name="options">The options. With <see cref="WriteOptions.Path"/>, the call writes a part of the value.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    public ValueTask<WriteResult> PutAsync<T>(
        string key, T value, JsonTypeInfo<T> type, WriteOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        return CallAsync<PutRequest<T>, WriteResult>(new(key, value, type, options), cancellationToken);
    }

    /// <summary>Writes a value given as JSON text, which is stored byte for byte.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="json">One JSON value in UTF-8. It must not change until the call has ended.</param>
    /// <param name="options">The options. With <see cref="WriteOptions.Path"/>, the call writes a part of the value.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The result; <see cref="WriteResult.Applied"/> is false if a precondition failed.</returns>
    /// <exception cref="ArgumentException">An argument is invalid, or the text is not JSON. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<WriteResult> PutUtf8Async(
        string key, ReadOnlyMemory<byte> json, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<PutUtf8Request, WriteResult>(new(key, json, options), cancellationToken);

    /// <summary>Removes a key.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="options">The options, without a path and an expiry.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The result; <see cref="WriteResult.Existed"/> is false if the key was missing.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<WriteResult> DeleteAsync(string key, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<DeleteRequest, WriteResult>(new(key, options), cancellationToken);

    /// <summary>
    /// Merges an object into a value (JSON Merge Patch, RFC 7396): its members replace those of the value, and <c>null</c> removes a member. A
    /// missing key is created.
    /// </summary>
    /// <typeparam name="T">The type of the patch. Members with the value <c>null</c> must be written, not ignored, to remove a member.</typeparam>
    /// <param name="key">The key, not empty.</param>
    /// <param name="patch">The patch.</param>
    /// <param name="options">The options, without a path.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The result; <see cref="WriteResult.Applied"/> is false if a precondition failed.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="JsonException">
    /// The patch cannot be converted to JSON: for example, it is nested more deeply than <see cref="JsonSerializerOptions.MaxDepth"/> (64 levels by
    /// default). Nothing was sent.
    /// </exception>
    /// <exception cref="InvalidOperationException">There is no JSON type information for <typeparamref name="T"/>. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    [OverloadResolutionPriority(1)]
    public ValueTask<WriteResult> MergeAsync<T>(
        string key, T patch, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        MergeAsync(key, patch, TypeOf<T>(), options, cancellationToken);

    /// <inheritdoc cref="MergeAsync{T}(string, T, WriteOptions, CancellationToken)"/>
    /// <param name="key">The key, not empty.</param>
    /// <param name="patch">The patch.</param>
    /// <param name="type">How the patch is converted.</param>
    /// <param name="options">The options, without a path.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    public ValueTask<WriteResult> MergeAsync<T>(
        string key, T patch, JsonTypeInfo<T> type, WriteOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(type);
        return CallAsync<MergeRequest<T>, WriteResult>(new(key, patch, type, options), cancellationToken);
    }

    /// <summary>Merges an object, given as JSON text, into a value (JSON Merge Patch, RFC 7396). A missing key is created.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="json">The patch in UTF-8. It must not change until the call has ended.</param>
    /// <param name="options">The options, without a path.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The result; <see cref="WriteResult.Applied"/> is false if a precondition failed.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<WriteResult> MergeUtf8Async(
        string key, ReadOnlyMemory<byte> json, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<PatchUtf8Request, WriteResult>(new(key, json, isMerge: true, options), cancellationToken);

    /// <summary>Applies a JSON Patch (RFC 6902) to a value.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="patch">The operations. They are applied together or not at all.</param>
    /// <param name="options">The options, without a path.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The result. A failed test, a missing key and a missing part are results: see <see cref="WriteStatus"/>.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<WriteResult> PatchAsync(
        string key, JsonPatch patch, WriteOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(patch);
        return CallAsync<PatchUtf8Request, WriteResult>(new(key, patch.ToUtf8(_types), isMerge: false, options), cancellationToken);
    }

    /// <summary>Applies a JSON Patch (RFC 6902), given as JSON text, to a value.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="json">The operations in UTF-8, as an array. It must not change until the call has ended.</param>
    /// <param name="options">The options, without a path.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The result. A failed test, a missing key and a missing part are results: see <see cref="WriteStatus"/>.</returns>
    /// <exception cref="ArgumentException">An argument is invalid, or the text is not JSON. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<WriteResult> PatchUtf8Async(
        string key, ReadOnlyMemory<byte> json, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<PatchUtf8Request, WriteResult>(new(key, json, isMerge: false, options), cancellationToken);

    /// <summary>Adds an integer to a number. A missing key or part counts as 0.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="by">The addend.</param>
    /// <param name="options">The options. With <see cref="WriteOptions.Path"/>, the call adds to a part of the value.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The result with the sum.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed: for example, the sum is outside the signed 64-bit range.</exception>
    public ValueTask<IncrementResult<long>> IncrementAsync(
        string key, long by = 1, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<IncrementRequest<long>, IncrementResult<long>>(new(key, by, TypeOf<long>(), options), cancellationToken);

    /// <summary>Adds a decimal number to a number, exactly. A missing key or part counts as 0.</summary>
    /// <inheritdoc cref="IncrementAsync(string, long, WriteOptions, CancellationToken)"/>
    public ValueTask<IncrementResult<decimal>> IncrementAsync(
        string key, decimal by, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<IncrementRequest<decimal>, IncrementResult<decimal>>(new(key, by, TypeOf<decimal>(), options), cancellationToken);

    /// <summary>Sets or clears the expiry of a key without changing its value.</summary>
    /// <param name="key">The key, not empty.</param>
    /// <param name="expiry">The expiry, not <see cref="Expiry.Default"/>.</param>
    /// <param name="options">The options, without a path and <see cref="WriteOptions.ReturnOld"/>.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The result; <see cref="WriteResult.Existed"/> is false if the key is missing.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    public ValueTask<WriteResult> ExpireAsync(
        string key, Expiry expiry, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        CallAsync<ExpireRequest, WriteResult>(new(key, expiry, options), cancellationToken);

    /// <summary>Replaces a value by a function of it. If another client writes in between, the function is called again with the new value.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="key">The key, not empty.</param>
    /// <param name="update">Returns the new value. May be called several times. <see cref="Entry{T}.Found"/> is false if the key is missing.</param>
    /// <param name="options">The options, without preconditions and a path. By default, the expiry of the entry remains.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    /// <returns>The entry that was written.</returns>
    /// <exception cref="ArgumentException">An argument is invalid. Nothing was sent.</exception>
    /// <exception cref="KestrelKvException">The call failed.</exception>
    [OverloadResolutionPriority(1)]
    public ValueTask<Entry<T>> UpdateAsync<T>(
        string key, Func<Entry<T>, T> update, WriteOptions options = default, CancellationToken cancellationToken = default) =>
        UpdateAsync(key, update, TypeOf<T>(), options, cancellationToken);

    /// <inheritdoc cref="UpdateAsync{T}(string, Func{Entry{T}, T}, WriteOptions, CancellationToken)"/>
    /// <param name="key">The key, not empty.</param>
    /// <param name="update">Returns the new value. May be called several times. <see cref="Entry{T}.Found"/> is false if the key is missing.</param>
    /// <param name="type">How the value is converted.</param>
    /// <param name="options">The options, without preconditions and a path. By default, the expiry of the entry remains.</param>
    /// <param name="cancellationToken">Cancels the call. A write that was sent may still take effect.</param>
    public async ValueTask<Entry<T>> UpdateAsync<T>(
        string key, Func<Entry<T>, T> update, JsonTypeInfo<T> type, WriteOptions options = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(update);
        ArgumentError.ThrowIfUnused(options.IfVersion is not null || options.IfExists is not null, "A precondition", nameof(UpdateAsync));
        ArgumentError.ThrowIfUnused(options.Path is not null, nameof(options.Path), nameof(UpdateAsync));
        long deadline = DeadlineAfter(options.Timeout ?? _options.Timeout);
        while (true)
        {
            Entry<T> current = await GetAsync(key, type, new() { Timeout = Left(deadline), FailFast = options.FailFast }, cancellationToken).ConfigureAwait(false);
            T value = update(current);
            Expiry expiry = options.Expiry.Kind == ExpiryKind.Default && current.ExpiresAt is { } time ? Expiry.At(time) : options.Expiry;
            WriteOptions conditional = options with { IfVersion = current.Version, Expiry = expiry, Timeout = Left(deadline) };
            WriteResult result = await PutAsync(key, value, type, conditional, cancellationToken).ConfigureAwait(false);
            if (result.Applied) return new(key, true, value, result.Version, result.ExpiresAt);
            if (deadline <= _options.Time.GetTimestamp())
                throw new NotSentException("The deadline passed while other clients changed the entry.", new TimeoutException("The deadline of the call has passed."));
        }
    }

    /// <summary>Returns the time until a deadline; a millisecond if it has passed, so that the next call fails with it.</summary>
    private TimeSpan Left(long deadline)
    {
        if (deadline == long.MaxValue) return Timeout.InfiniteTimeSpan;
        TimeSpan left = _options.Time.GetElapsedTime(_options.Time.GetTimestamp(), deadline);
        return left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1);
    }
}
