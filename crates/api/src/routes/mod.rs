//! The routes, one file for each resource: shapes on the wire, written on purpose and never derived from a row.

mod audit;
mod developers;
mod keys;
mod pages;
mod people;
mod session;
mod sessions;
mod system;
mod tenancy;
mod usage;

pub(crate) use developers::ValidationErrorBody;
pub(crate) use pages::console_page;

use crate::rooms::Rooms;

/// Adds every route.
pub(crate) fn add(rooms: Rooms) -> Rooms {
    let rooms = keys::add(rooms);
    let rooms = usage::add(rooms);
    let rooms = developers::add(rooms);
    let rooms = session::add(rooms);
    let rooms = sessions::add(rooms);
    let rooms = people::add(rooms);
    let rooms = tenancy::add(rooms);
    let rooms = audit::add(rooms);
    let rooms = system::add(rooms);
    pages::add(rooms)
}
