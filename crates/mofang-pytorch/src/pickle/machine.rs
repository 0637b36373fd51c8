//! The stack machine of pickles (Python's `pickletools.py` is its reference), protocols 2 to 5.
//!
//! It only builds [`Objects`]. A call is looked up among the known globals and becomes the object
//! that the call would have made; an instance is a class's name and its state.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever a file has in a place where it does not belong is refused"
)]

use std::collections::HashMap;

use super::{Object, ObjectId, Objects, SavedStorage};
use crate::PytorchError;
use crate::error::excerpt;
use crate::global::{Global, UnknownClasses};
use crate::reader::Reader;
use crate::tensor::Layout;

/// What may be copied beyond the length of the file.
const COPIES_EXTRA: usize = 1 << 20;

/// Highest protocol.
const PROTOCOL_MAX: u8 = 5;

/// Runs one pickle from the reader's place on, up to its end; gives the object that it leaves.
pub(crate) fn run(
    reader: &mut Reader<'_>,
    unknown_classes: UnknownClasses,
    objects: &mut Objects,
) -> Result<ObjectId, PytorchError> {
    let machine = Machine {
        copies_left: reader.left().saturating_add(COPIES_EXTRA),
        unknown_classes,
        reader,
        objects,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    machine.run()
}

struct Machine<'m, 'a> {
    reader: &'m mut Reader<'a>,
    objects: &'m mut Objects,
    unknown_classes: UnknownClasses,
    stack: Vec<ObjectId>,
    /// Where in the stack a mark lies below.
    marks: Vec<usize>,
    memo: HashMap<u32, ObjectId>,
    /// A few bytes can ask again and again for a copy of something long.
    copies_left: usize,
}

impl Machine<'_, '_> {
    fn run(mut self) -> Result<ObjectId, PytorchError> {
        loop {
            let opcode = self.reader.byte()?;
            match opcode {
                // PROTO
                0x80 => {
                    let protocol = self.reader.byte()?;
                    if protocol > PROTOCOL_MAX {
                        return Err(self.damaged(&format!("there is no protocol {protocol}")));
                    }
                }
                // FRAME: how much to read ahead.
                0x95 => {
                    self.reader.u64()?;
                }
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => {
                    // POP takes a mark when one lies on top.
                    if self.marks.last() == Some(&self.stack.len()) {
                        self.marks.pop();
                    } else {
                        self.pop()?;
                    }
                }
                b'1' => {
                    self.pop_marked()?;
                }
                b'2' => {
                    let top = self.top()?;
                    self.stack.push(top);
                }
                b'N' => self.push(Object::None)?,
                0x88 => self.push(Object::Boolean(true))?,
                0x89 => self.push(Object::Boolean(false))?,
                b'J' => {
                    let value = self.reader.i32()?;
                    self.push(Object::Integer(value.into()))?;
                }
                b'K' => {
                    let value = self.reader.byte()?;
                    self.push(Object::Integer(value.into()))?;
                }
                b'M' => {
                    let value = self.reader.u16()?;
                    self.push(Object::Integer(value.into()))?;
                }
                0x8A => {
                    let length = self.reader.byte()?;
                    self.long_integer(length.into())?;
                }
                0x8B => {
                    let length = self.reader.u32()?;
                    self.long_integer(length.into())?;
                }
                b'G' => {
                    let value = f64::from_be_bytes(self.reader.array()?);
                    self.push(Object::Float(value))?;
                }
                // BINSTRING and SHORT_BINSTRING are the texts of Python 2.
                b'X' | b'T' => {
                    let length = self.reader.u32()?;
                    self.text(length.into())?;
                }
                0x8C | b'U' => {
                    let length = self.reader.byte()?;
                    self.text(length.into())?;
                }
                0x8D => {
                    let length = self.reader.u64()?;
                    self.text(length)?;
                }
                b'B' => {
                    let length = self.reader.u32()?;
                    self.bytes(length.into())?;
                }
                b'C' => {
                    let length = self.reader.byte()?;
                    self.bytes(length.into())?;
                }
                0x8E | 0x96 => {
                    let length = self.reader.u64()?;
                    self.bytes(length)?;
                }
                b']' => self.push(Object::List(Vec::new()))?,
                b')' => self.push(Object::Tuple(Vec::new()))?,
                b'}' => self.push(Object::Dictionary(Vec::new()))?,
                0x8F => self.push(Object::Set(Vec::new()))?,
                b't' => {
                    let items = self.pop_marked()?;
                    self.push(Object::Tuple(items))?;
                }
                0x85 => self.tuple(1)?,
                0x86 => self.tuple(2)?,
                0x87 => self.tuple(3)?,
                b'l' => {
                    let items = self.pop_marked()?;
                    self.push(Object::List(items))?;
                }
                b'd' => {
                    let pairs = self.pop_pairs()?;
                    self.push(Object::Dictionary(pairs))?;
                }
                0x91 => {
                    let items = self.pop_marked()?;
                    self.push(Object::Set(items))?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' | 0x90 => {
                    let items = self.pop_marked()?;
                    self.append(items)?;
                }
                b's' => {
                    let value = self.pop()?;
                    let key = self.pop()?;
                    self.set_items(vec![(key, value)])?;
                }
                b'u' => {
                    let pairs = self.pop_pairs()?;
                    self.set_items(pairs)?;
                }
                // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
                b'q' => {
                    let place = self.reader.byte()?;
                    self.memoize(place.into())?;
                }
                b'r' => {
                    let place = self.reader.u32()?;
                    self.memoize(place)?;
                }
                0x94 => {
                    let place = u32::try_from(self.memo.len()).unwrap_or(u32::MAX);
                    self.memoize(place)?;
                }
                b'h' => {
                    let place = self.reader.byte()?;
                    self.recall(place.into())?;
                }
                b'j' => {
                    let place = self.reader.u32()?;
                    self.recall(place)?;
                }
                b'c' => {
                    let module = self.reader.line()?;
                    let name = self.reader.line()?;
                    let global = Global::find(module, name, self.unknown_classes)?;
                    self.push(Object::Global(global))?;
                }
                0x93 => {
                    let name = self.pop()?;
                    let module = self.pop()?;
                    let global = match (self.objects.text(module), self.objects.text(name)) {
                        (Some(module), Some(name)) => {
                            Global::find(module, name, self.unknown_classes)?
                        }
                        _ => return Err(self.damaged("the name of a global is not a text")),
                    };
                    self.push(Object::Global(global))?;
                }
                // REDUCE, NEWOBJ, NEWOBJ_EX
                b'R' => {
                    let arguments = self.pop_tuple()?;
                    let function = self.pop()?;
                    self.call(function, &arguments)?;
                }
                0x81 => {
                    self.pop_tuple()?;
                    let class = self.pop()?;
                    self.instance(class)?;
                }
                0x92 => {
                    self.pop()?;
                    self.pop_tuple()?;
                    let class = self.pop()?;
                    self.instance(class)?;
                }
                b'b' => {
                    let state = self.pop()?;
                    self.set_state(state)?;
                }
                b'Q' => {
                    let reference = self.pop()?;
                    self.persistent(reference)?;
                }
                other => {
                    return Err(self.damaged(&format!(
                        "there is no use for the operation 0x{other:02X} in a file of weights"
                    )));
                }
            }
        }
    }

    fn damaged(&self, reason: &str) -> PytorchError {
        self.reader.damaged(reason)
    }

    fn push(&mut self, object: Object) -> Result<(), PytorchError> {
        let id = self.objects.add(object)?;
        self.stack.push(id);
        Ok(())
    }

    /// Whatever lies above the topmost mark only can be taken.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<ObjectId, PytorchError> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.floor() => Ok(*top),
            _ => Err(self.damaged("an operation finds nothing to work on")),
        }
    }

    fn pop(&mut self) -> Result<ObjectId, PytorchError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_marked(&mut self) -> Result<Vec<ObjectId>, PytorchError> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark.min(self.stack.len()))),
            None => Err(self.damaged("there is no mark")),
        }
    }

    fn pop_pairs(&mut self) -> Result<Vec<(ObjectId, ObjectId)>, PytorchError> {
        let items = self.pop_marked()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if rest.is_empty() {
            Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
        } else {
            Err(self.damaged("a key has no value"))
        }
    }

    fn pop_tuple(&mut self) -> Result<Vec<ObjectId>, PytorchError> {
        let id = self.pop()?;
        match self.objects.tuple(id).map(<[_]>::len) {
            Some(length) => {
                self.spend(length)?;
                Ok(self.objects.tuple(id).unwrap_or_default().to_vec())
            }
            None => Err(self.damaged("arguments are not a tuple")),
        }
    }

    fn spend(&mut self, copied: usize) -> Result<(), PytorchError> {
        self.copies_left = self
            .copies_left
            .checked_sub(copied)
            .ok_or_else(|| self.damaged("it copies the same thing over and over"))?;
        Ok(())
    }

    fn long_integer(&mut self, length: u64) -> Result<(), PytorchError> {
        let bytes = self.reader.take_long(length)?;
        let object = match bytes.last() {
            None => Object::Integer(0),
            Some(last) if bytes.len() <= 8 => {
                let fill = if last & 0x80 == 0 { 0 } else { 0xFF };
                let mut padded = [fill; 8];
                for (to, from) in padded.iter_mut().zip(bytes) {
                    *to = *from;
                }
                Object::Integer(i64::from_le_bytes(padded))
            }
            Some(_) => Object::LongInteger,
        };
        self.push(object)
    }

    fn text(&mut self, length: u64) -> Result<(), PytorchError> {
        let bytes = self.reader.take_long(length)?;
        let text = self.reader.text(bytes)?.to_owned();
        self.push(Object::Text(text))
    }

    fn bytes(&mut self, length: u64) -> Result<(), PytorchError> {
        self.reader.take_long(length)?;
        self.push(Object::Bytes)
    }

    fn tuple(&mut self, length: usize) -> Result<(), PytorchError> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Object::Tuple(items))
    }

    fn append(&mut self, added: Vec<ObjectId>) -> Result<(), PytorchError> {
        let target = self.top()?;
        match self.objects.get_mut(target) {
            Some(Object::List(items) | Object::Set(items)) => {
                items.extend(added);
                Ok(())
            }
            _ => Err(self.damaged("something is put into what is not a list")),
        }
    }

    fn set_items(&mut self, added: Vec<(ObjectId, ObjectId)>) -> Result<(), PytorchError> {
        let target = self.top()?;
        match self.objects.get_mut(target) {
            Some(Object::Dictionary(pairs)) => {
                pairs.extend(added);
                Ok(())
            }
            _ => Err(self.damaged("something is put into what is not a dictionary")),
        }
    }

    fn memoize(&mut self, place: u32) -> Result<(), PytorchError> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), PytorchError> {
        match self.memo.get(&place) {
            Some(id) => {
                self.stack.push(*id);
                Ok(())
            }
            None => Err(self.damaged(&format!("nothing was kept as {place}"))),
        }
    }

    fn global(&self, id: ObjectId) -> Result<Global, PytorchError> {
        match self.objects.get(id) {
            Object::Global(global) => Ok(global.clone()),
            _ => Err(self.damaged("something is called that cannot be")),
        }
    }

    /// Puts the object onto the stack that the call would have made.
    fn call(&mut self, function: ObjectId, arguments: &[ObjectId]) -> Result<(), PytorchError> {
        let mut global = self.global(function)?;
        let mut arguments = arguments.to_vec();
        if global == Global::RebuildFromType {
            // (function, type, arguments, state): once, so that nothing nests.
            let [inner, _, inner_arguments, _] = arguments.as_slice() else {
                return Err(self.damaged("a tensor is rebuilt from other things than four"));
            };
            global = self.global(*inner)?;
            let inner_arguments = *inner_arguments;
            arguments = self
                .objects
                .tuple(inner_arguments)
                .ok_or_else(|| self.damaged("arguments are not a tuple"))?
                .to_vec();
            self.spend(arguments.len())?;
        }
        let object = match &global {
            Global::Dictionary => self.dictionary(&arguments)?,
            Global::Set => Object::Set(self.copied_items(&arguments)?),
            Global::Size => Object::Tuple(self.copied_items(&arguments)?),
            Global::Encode => Object::Bytes,
            Global::Reconstructor => match arguments.first() {
                Some(class) => return self.instance(*class),
                None => return Err(self.damaged("an instance of no class is made")),
            },
            Global::RebuildTensor => {
                Object::Tensor(Layout::from_arguments(self.objects, &arguments, None)?)
            }
            Global::RebuildTypedTensor => {
                // (storage, offset, size, stride, requires_grad, hooks, type, …)
                let data_type = match arguments.get(6).map(|id| self.objects.get(*id)) {
                    Some(Object::Global(Global::DataType(data_type))) => *data_type,
                    _ => return Err(self.damaged("the type of a tensor is not known")),
                };
                let layout = Layout::from_arguments(self.objects, &arguments, Some(data_type))?;
                Object::Tensor(layout)
            }
            Global::RebuildParameter => match arguments.first() {
                Some(tensor) => {
                    self.stack.push(*tensor);
                    return Ok(());
                }
                None => return Err(self.damaged("a parameter is made of no tensor")),
            },
            Global::Opaque(class) | Global::Class(class) => Object::Instance {
                class: class.clone(),
                state: None,
            },
            Global::Unknown(name) => {
                return Err(PytorchError::UnknownGlobal {
                    name: excerpt(name),
                });
            }
            Global::RebuildFromType | Global::Storage(_) | Global::DataType(_) => {
                return Err(self.damaged("something is called that cannot be"));
            }
        };
        self.push(object)
    }

    /// `OrderedDict()` or `OrderedDict([[key, value], …])`.
    fn dictionary(&mut self, arguments: &[ObjectId]) -> Result<Object, PytorchError> {
        let mut pairs = Vec::new();
        if !arguments.is_empty() {
            for item in self.copied_items(arguments)? {
                match self.objects.get(item) {
                    Object::List(pair) | Object::Tuple(pair) => match pair.as_slice() {
                        [key, value] => pairs.push((*key, *value)),
                        _ => return Err(self.damaged("a key has no value")),
                    },
                    _ => return Err(self.damaged("a dictionary is not made of pairs")),
                }
            }
        }
        Ok(Object::Dictionary(pairs))
    }

    /// The items of the list, tuple or set that is the only argument; no argument has no items.
    fn copied_items(&mut self, arguments: &[ObjectId]) -> Result<Vec<ObjectId>, PytorchError> {
        let items = match arguments {
            [] => &[],
            [argument] => match self.objects.get(*argument) {
                Object::List(items) | Object::Tuple(items) | Object::Set(items) => items.as_slice(),
                _ => return Err(self.damaged("a collection is made of what is none")),
            },
            _ => return Err(self.damaged("a collection is made of several things")),
        };
        // Borrows end here: what is copied is paid for first.
        let length = items.len();
        if length > self.copies_left {
            return Err(self.damaged("it copies the same thing over and over"));
        }
        let items = items.to_vec();
        self.spend(length)?;
        Ok(items)
    }

    fn instance(&mut self, class: ObjectId) -> Result<(), PytorchError> {
        let object = match self.global(class)? {
            Global::Class(class) | Global::Opaque(class) | Global::Unknown(class) => {
                Object::Instance { class, state: None }
            }
            Global::Dictionary => Object::Dictionary(Vec::new()),
            Global::Set => Object::Set(Vec::new()),
            _ => return Err(self.damaged("an instance is made of what is no class")),
        };
        self.push(object)
    }

    fn set_state(&mut self, state: ObjectId) -> Result<(), PytorchError> {
        let target = self.top()?;
        match self.objects.get_mut(target) {
            Some(Object::Instance { state: place, .. }) => {
                *place = Some(state);
                Ok(())
            }
            // Attributes of a dictionary (PyTorch's `_metadata`) or of a tensor say nothing of its
            // values.
            Some(Object::Dictionary(_) | Object::Tensor(_)) => Ok(()),
            _ => Err(self.damaged("a state is given to what can have none")),
        }
    }

    /// `("storage", class, key, location, elements[, view])`, or, in the older container,
    /// `("module", class, …)` for the class of a module with its source code.
    fn persistent(&mut self, reference: ObjectId) -> Result<(), PytorchError> {
        let fields = self.objects.tuple(reference).unwrap_or_default();
        let kind = fields.first().and_then(|id| self.objects.text(*id));
        match (kind, fields) {
            (Some("module"), [_, class, ..]) => {
                self.stack.push(*class);
                Ok(())
            }
            (Some("storage"), [_, class, key, _location, elements, view @ ..]) => {
                let (Object::Global(Global::Storage(data_type)), Some(key), Some(elements)) = (
                    self.objects.get(*class),
                    self.objects.text(*key),
                    self.objects.size(*elements),
                ) else {
                    return Err(self.damaged("the reference to a storage is not understood"));
                };
                let mut storage = SavedStorage {
                    data_type: *data_type,
                    key: key.to_owned(),
                    elements,
                    offset: 0,
                };
                match view.first().map(|view| self.objects.get(*view)) {
                    None | Some(Object::None) => {}
                    Some(Object::Tuple(view)) => {
                        let view: Vec<Option<usize>> =
                            view.iter().map(|id| self.objects.size(*id)).collect();
                        let [_, Some(offset), Some(length)] = view.as_slice() else {
                            return Err(self.damaged("the view of a storage is not understood"));
                        };
                        storage.offset = *offset;
                        storage.elements = *length;
                    }
                    Some(_) => {
                        return Err(self.damaged("the view of a storage is not understood"));
                    }
                }
                self.spend(storage.key.len())?;
                self.push(Object::Storage(storage))
            }
            (Some(kind), _) => {
                let reason = format!("there is no reference to a \"{}\"", excerpt(kind));
                Err(self.damaged(&reason))
            }
            (None, _) => Err(self.damaged("a reference is not understood")),
        }
    }
}
