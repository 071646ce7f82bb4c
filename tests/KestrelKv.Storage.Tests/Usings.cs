global using DataDirectory = KestrelKv.Storage.Durability.DataDirectory;
