using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace KestrelKv.Storage.Embedded;

/// <summary>
/// Memory of the system's. Where there is none the process ends: it could neither go on with half a change made, nor
/// take it back.
/// </summary>
internal static unsafe class Native
{
    public static void* Allocate(nuint bytes)
    {
        try
        {
            return NativeMemory.Alloc(bytes);
        }
        catch (OutOfMemoryException e)
        {
            return Fail(bytes, e);
        }
    }

    public static void* AllocateZeroed(nuint bytes)
    {
        try
        {
            return NativeMemory.AllocZeroed(bytes);
        }
        catch (OutOfMemoryException e)
        {
            return Fail(bytes, e);
        }
    }

    public static void* AllocateAligned(nuint bytes, nuint alignment)
    {
        try
        {
            return NativeMemory.AlignedAlloc(bytes, alignment);
        }
        catch (OutOfMemoryException e)
        {
            return Fail(bytes, e);
        }
    }

    public static void* Reallocate(void* block, nuint bytes)
    {
        try
        {
            return NativeMemory.Realloc(block, bytes);
        }
        catch (OutOfMemoryException e)
        {
            return Fail(bytes, e);
        }
    }

    [DoesNotReturn]
    private static void* Fail(nuint bytes, OutOfMemoryException e)
    {
        Environment.FailFast($"The system has no {bytes} bytes of memory left for the store.", e);
        return null;
    }
}
