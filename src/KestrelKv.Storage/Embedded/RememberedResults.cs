using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using KestrelKv.Storage.Durability;

namespace KestrelKv.Storage.Embedded;

/// <summary>The results of a batch as bytes: what is kept under its request id, to be told again.</summary>
/// <remarks><code>
///   0        4           5
///   +--------+-----------+--------------------------------------------------------------------------------+
///   | digest | committed | results                                                                        |
///   | uint32 | byte      |                                                                                |
///   +--------+-----------+--------------------------------------------------------------------------------+
///
///   a result:
///   0       4        8         16         24           32              36           40              44
///   +-------+--------+---------+----------+------------+--------------+-------------+---------------+- - - -
///   | index | status | version | previous | expires at | value length | old length  | detail length | the three
///   | int32 | int32  | int64   | int64    | int64      | int32        | int32       | int32         |
///   +-------+--------+---------+----------+------------+--------------+-------------+---------------+- - - -
/// </code>
/// The version of the batch's own commit, which is not known yet, is written as <see cref="OwnVersion"/>: the entry that has
/// these bytes has that version, too.
/// </remarks>
internal sealed class RememberedResults
{
    private const long OwnVersion = -1;
    private const int CommittedOffset = 4;
    private const int HeaderBytes = 5;
    private const int ResultBytes = 44;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <param name="batch">Whose results these will be.</param>
    public RememberedResults(ReadOnlySpan<Operation> batch) => Digest = DigestOf(batch);

    /// <summary>
    /// Tells batches apart: a checksum of all that they ask for but the times of expiry, which may be counted from now. Of a
    /// request id that was used for something else by mistake one in four billion is not found out.
    /// </summary>
    public uint Digest { get; }

    /// <summary>All of it.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes.WrittenMemory;

    /// <summary>Begins again, with a batch that is committed.</summary>
    public void Clear() => Begin(committed: true);

    /// <summary>Adds a result.</summary>
    /// <param name="index">Which operation's.</param>
    /// <param name="result">The result.</param>
    /// <param name="own">What it has for the version of the batch's own commit.</param>
    public void Add(int index, in OperationResult result, long own)
    {
        byte[] detail = Encoding.UTF8.GetBytes(result.Detail ?? "");
        Span<byte> to = _bytes.GetSpan(ResultBytes);
        BinaryPrimitives.WriteInt32LittleEndian(to, index);
        BinaryPrimitives.WriteInt32LittleEndian(to[4..], (int)result.Status);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], result.Version == own ? OwnVersion : result.Version);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], result.PreviousVersion == own ? OwnVersion : result.PreviousVersion);
        BinaryPrimitives.WriteInt64LittleEndian(to[24..], result.ExpiresAt);
        BinaryPrimitives.WriteInt32LittleEndian(to[32..], result.Value.Length);
        BinaryPrimitives.WriteInt32LittleEndian(to[36..], result.OldValue.Length);
        BinaryPrimitives.WriteInt32LittleEndian(to[40..], detail.Length);
        _bytes.Advance(ResultBytes);
        _bytes.Write(result.Value);
        _bytes.Write(result.OldValue);
        _bytes.Write(detail);
    }

    /// <summary>Makes it that of a batch that was refused.</summary>
    public void SetRefusal(int index, in OperationResult refusal)
    {
        Begin(committed: false);
        Add(index, refusal, OwnVersion);
    }

    /// <summary>Tells results.</summary>
    /// <param name="bytes">What is remembered.</param>
    /// <param name="digest">That of the batch that asks.</param>
    /// <param name="version">The version of the commit that these bytes came with.</param>
    /// <param name="results">Is told them.</param>
    /// <returns>Whether the batch was committed.</returns>
    public static bool Tell(ReadOnlySpan<byte> bytes, uint digest, long version, IResultSink results)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != digest)
        {
            results.OnResult(0, new() { Status = ResultStatus.RequestIdReused });
            return false;
        }
        bool committed = bytes[CommittedOffset] != 0;
        for (bytes = bytes[HeaderBytes..]; !bytes.IsEmpty;)
        {
            int valueBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[32..]);
            int oldBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[36..]);
            int detailBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[40..]);
            ReadOnlySpan<byte> rest = bytes[ResultBytes..];
            results.OnResult(BinaryPrimitives.ReadInt32LittleEndian(bytes), new()
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

    private static long ReadVersion(ReadOnlySpan<byte> from, long own)
    {
        long version = BinaryPrimitives.ReadInt64LittleEndian(from);
        return version == OwnVersion ? own : version;
    }

    private void Begin(bool committed)
    {
        _bytes.ResetWrittenCount();
        Span<byte> to = _bytes.GetSpan(HeaderBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(to, Digest);
        to[CommittedOffset] = committed ? (byte)1 : (byte)0;
        _bytes.Advance(HeaderBytes);
    }

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
