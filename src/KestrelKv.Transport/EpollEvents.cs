using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KestrelKv.Transport;

/// <summary>A buffer for the events that epoll_wait returns.</summary>
/// <remarks><code>
///   struct epoll_event              x86-64    elsewhere
///   events: uint32                  0         0
///   data: the descriptor, uint64    4         8
///   next entry                      12        16
/// </code></remarks>
internal readonly unsafe struct EpollEvents : IDisposable
{
    private static readonly bool Packed = RuntimeInformation.ProcessArchitecture == Architecture.X64;
    private static readonly int DataOffset = Packed ? 4 : 8;

    public EpollEvents(int capacity)
    {
        Capacity = capacity;
        Pointer = (byte*)NativeMemory.Alloc((nuint)(capacity * EntryBytes));
    }

    public static int EntryBytes => DataOffset + sizeof(ulong);

    public int Capacity { get; }

    public byte* Pointer { get; }

    public static void Write(byte* entry, uint events, int file)
    {
        Unsafe.WriteUnaligned(entry, events);
        Unsafe.WriteUnaligned(entry + DataOffset, (ulong)file);
    }

    public (int File, uint Events) Read(int index)
    {
        Debug.Assert(index < Capacity);
        byte* entry = Pointer + (index * EntryBytes);
        return ((int)Unsafe.ReadUnaligned<ulong>(entry + DataOffset), Unsafe.ReadUnaligned<uint>(entry));
    }

    public void Dispose() => NativeMemory.Free(Pointer);
}
