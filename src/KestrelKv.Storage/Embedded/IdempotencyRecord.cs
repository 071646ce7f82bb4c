using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using KestrelKv.Storage.Commits;

namespace KestrelKv.Storage.Embedded;

/// <summary>The encoded results of an atomic batch: the value of the internal key of its request id.</summary>
/// <remarks><code>
///   0        4       5           13
///   +--------+-------+- - - - - -+------------------------------------------------------------------------+
///   | digest | flags | sequence  | results                                                                |
///   | uint32 | byte  | int64     |                                                                        |
///   +--------+-------+- - - - - -+------------------------------------------------------------------------+
///     flag 1: the batch was committed    flag 2: there is a sequence
///
///   A result:
///   0       4        8         16         24           32              36           40              44
///   +-------+--------+---------+----------+------------+--------------+-------------+---------------+- - - -
///   | index | status | version | previous | expires at | value length | old length  | detail length | the three
///   | int32 | int32  | int64   | int64    | int64      | int32        | int32       | int32         |
///   +-------+--------+---------+----------+------------+--------------+-------------+---------------+- - - -
/// </code>
/// The version of the batch's own commit is not known in advance and encoded as <see cref="OwnVersion"/>. It is the version of the entry
/// that has the record. A batch that only reads has no record.
/// <para>An object encodes one record. Each thread reuses its last object, so that a small record costs no allocation.</para>
/// </remarks>
internal sealed class IdempotencyRecord : IDisposable
{
    /// <summary>Represents the version of the batch's own commit.</summary>
    public const long OwnVersion = -1;
    private const int FlagsOffset = 4;
    private const int HeaderBytes = 5;
    private const byte CommittedFlag = 1;
    private const byte SequenceFlag = 2;

    /// <summary>The size of a result without its value, old value and detail, in bytes.</summary>
    public const int ResultBytes = 44;

    private const int BytesMaxMin = 64 * 1024;
    private const int BytesMaxMax = 256 * 1024 * 1024;

    /// <summary>The maximum memory of an object that is kept for the next record of its thread.</summary>
    private const int IdleBytesMax = 64 * 1024;

    [ThreadStatic]
    private static IdempotencyRecord? idle;

    private readonly byte[] _key = new byte[1 + RequestId.BytesMax];
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private int _keyBytes;
    private uint _digest;
    private long _sequence;

    private IdempotencyRecord()
    {
    }

    public ReadOnlyMemory<byte> Key => _key.AsMemory(0, _keyBytes);

    /// <summary>
    /// The maximum size of all results, in bytes: one value of the maximum length, up to 256 MiB, the fixed part of each result, and
    /// 64 KiB.
    /// </summary>
    public long BytesMax { get; private set; }

    public ReadOnlyMemory<byte> Bytes => _bytes.WrittenMemory;

    /// <summary>Returns an empty record of a batch, for the current thread.</summary>
    public static IdempotencyRecord Rent(ReadOnlySpan<Operation> batch, in RequestId id, int valueBytesMax)
    {
        IdempotencyRecord record = idle ?? new();
        idle = null;
        record._digest = DigestOf(batch);
        record._sequence = id.Sequence;
        record._keyBytes = InternalKey.WriteOfRequest(id.Bytes.Span, record._key);
        record.BytesMax = Math.Min(valueBytesMax, BytesMaxMax) + (long)batch.Length * ResultBytes + BytesMaxMin;
        return record;
    }

    public void Dispose()
    {
        if (_bytes.Capacity <= IdleBytesMax) idle = this;
    }

    public void Begin(bool committed)
    {
        _bytes.ResetWrittenCount();
        Span<byte> to = _bytes.GetSpan(HeaderBytes + sizeof(long));
        BinaryPrimitives.WriteUInt32LittleEndian(to, _digest);
        to[FlagsOffset] = (byte)((committed ? CommittedFlag : 0) | (_sequence > 0 ? SequenceFlag : 0));
        BinaryPrimitives.WriteInt64LittleEndian(to[HeaderBytes..], _sequence);
        _bytes.Advance(ResultsOffset(to));
    }

    public void Add(int index, in OperationResult result)
    {
        byte[] detail = result.Detail is { } text ? Encoding.UTF8.GetBytes(text) : [];
        Span<byte> to = _bytes.GetSpan(ResultBytes);
        BinaryPrimitives.WriteInt32LittleEndian(to, index);
        BinaryPrimitives.WriteInt32LittleEndian(to[4..], (int)result.Status);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], result.Version);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], result.PreviousVersion);
        BinaryPrimitives.WriteInt64LittleEndian(to[24..], result.ExpiresAt);
        BinaryPrimitives.WriteInt32LittleEndian(to[32..], result.Value.Length);
        BinaryPrimitives.WriteInt32LittleEndian(to[36..], result.OldValue.Length);
        BinaryPrimitives.WriteInt32LittleEndian(to[40..], detail.Length);
        _bytes.Advance(ResultBytes);
        _bytes.Write(result.Value);
        _bytes.Write(result.OldValue);
        _bytes.Write(detail);
    }

    /// <summary>Whether the batch has a higher sequence than that of an earlier record with its id, and is therefore executed.</summary>
    public bool Replaces(ReadOnlySpan<byte> earlier) => _sequence > SequenceOf(earlier);

    /// <summary>
    /// Passes the results of a record to the sink, and returns whether its batch was committed. Refuses this batch if it is a different
    /// one. The version is that of the commit that wrote the record.
    /// </summary>
    public bool Deliver(ReadOnlySpan<byte> bytes, long version, ref BatchResults results)
    {
        long last = SequenceOf(bytes);
        if (_sequence < last || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != _digest)
        {
            results.Pass(0, new()
            {
                Status = ResultStatus.RequestIdReused, Detail = _sequence < last ? SequenceTooLow(_sequence, last) : null,
            });
            return false;
        }
        bool committed = (bytes[FlagsOffset] & CommittedFlag) != 0;
        for (bytes = bytes[ResultsOffset(bytes)..]; !bytes.IsEmpty;)
        {
            int valueBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[32..]);
            int oldBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[36..]);
            int detailBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[40..]);
            ReadOnlySpan<byte> rest = bytes[ResultBytes..];
            results.Pass(BinaryPrimitives.ReadInt32LittleEndian(bytes), new()
            {
                Status = (ResultStatus)BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
                Version = ReadVersion(bytes[8..], version),
                PreviousVersion = ReadVersion(bytes[16..], version),
                ExpiresAt = BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
                Value = rest[..valueBytes],
                OldValue = rest.Slice(valueBytes, oldBytes),
                Detail = detailBytes == 0 ? null : Encoding.UTF8.GetString(rest.Slice(valueBytes + oldBytes, detailBytes)),
            });
            bytes = rest[(valueBytes + oldBytes + detailBytes)..];
        }
        return committed;
    }

    public static string SequenceTooLow(long sequence, long last) =>
        $"\"request_seq\" is {(sequence == 0 ? "missing" : sequence)}, expected {last} or more: " +
        $"a later request with this \"request_id\" has {last}";

    private static long SequenceOf(ReadOnlySpan<byte> bytes) =>
        (bytes[FlagsOffset] & SequenceFlag) != 0 ? BinaryPrimitives.ReadInt64LittleEndian(bytes[HeaderBytes..]) : 0;

    private static int ResultsOffset(ReadOnlySpan<byte> bytes) =>
        (bytes[FlagsOffset] & SequenceFlag) != 0 ? HeaderBytes + sizeof(long) : HeaderBytes;

    private static long ReadVersion(ReadOnlySpan<byte> from, long own)
    {
        long version = BinaryPrimitives.ReadInt64LittleEndian(from);
        return version == OwnVersion ? own : version;
    }

    /// <summary>
    /// Identifies a batch: a checksum of all parameters except expiry times, which may be relative. One wrong reuse of a request id in
    /// four billion remains undetected.
    /// </summary>
    private static uint DigestOf(ReadOnlySpan<Operation> batch)
    {
        uint digest = 0;
        Span<byte> fields = stackalloc byte[24];
        foreach (ref readonly Operation operation in batch)
        {
            BinaryPrimitives.WriteInt32LittleEndian(fields, (int)operation.Kind);
            BinaryPrimitives.WriteInt32LittleEndian(fields[4..], operation.Key.Length);
            BinaryPrimitives.WriteInt32LittleEndian(fields[8..], operation.Path.Length);
            BinaryPrimitives.WriteInt32LittleEndian(fields[12..], (operation.KeepsExpiry ? 1 : 0) | (operation.ReturnsOld ? 2 : 0));
            BinaryPrimitives.WriteInt64LittleEndian(fields[16..], operation.Precondition.Rule);
            digest = Checksum.Of(digest, fields);
            digest = Checksum.Of(digest, operation.Key.Span);
            digest = Checksum.Of(digest, operation.Path.Span);
            digest = Checksum.Of(digest, operation.Value.Span);
        }
        return digest;
    }
}
